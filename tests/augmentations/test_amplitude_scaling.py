from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest, loguniform

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling, AmplitudeScalingConfig


def test_multiplies_all_leads_of_a_record_by_one_factor(batch, generator):
    scaling = AmplitudeScaling(AmplitudeScalingConfig(probability=1.0))
    drawn = scaling.draw(batch, 100.0, generator)
    expected = np.stack([factor.item() * record.numpy() for factor, record in zip(drawn["factor"], batch, strict=True)])
    np.testing.assert_allclose(scaling.apply(batch, drawn, 100.0).numpy(), expected, rtol=1e-12)


def test_factor_is_log_uniform(generator):
    drawn = AmplitudeScaling(AmplitudeScalingConfig()).draw(torch.zeros(5000, 1, 1), 100.0, generator)["factor"]
    assert kstest(drawn.double().numpy(), loguniform(0.8, 1.25).cdf).pvalue > 1e-3
    assert drawn.log().mean().item() == pytest.approx(0, abs=0.01)
