from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, TWELVE_FROM_EIGHT, require_twelve_leads
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS


def test_all_leads_follow_from_the_eight(batch):
    np.testing.assert_allclose((TWELVE_FROM_EIGHT @ batch[:, INDEPENDENT]).numpy(), batch.numpy(), atol=1e-12)
    assert [LEADS[lead] for lead in INDEPENDENT] == ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]


def test_other_lead_counts_are_refused():
    with pytest.raises(InputError, match="twelve leads"):
        require_twelve_leads(torch.zeros(2, 8, 100))
