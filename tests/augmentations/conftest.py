"""A batch of ECG-like signals that every test of this folder may transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ssrl_ecg.signals.leads import limb_leads_from_i_ii


@pytest.fixture
def batch() -> Tensor:
    """(6, 12, 400) float64 in mV at 100 Hz: noise, an offset per lead, exact limb leads."""
    rng = np.random.default_rng(3)
    eight = rng.normal(0, 0.3, (6, 8, 400)) + rng.normal(0, 0.2, (6, 8, 1))
    return torch.from_numpy(np.concatenate([limb_leads_from_i_ii(eight[:, 0], eight[:, 1]), eight[:, 2:]], axis=1))


@pytest.fixture
def read_by_leads() -> Callable[[np.ndarray], np.ndarray]:
    """Read (9, time) potentials of RA, LA, LL, V1-V6 as the twelve leads are defined."""

    def read(electrodes: np.ndarray) -> np.ndarray:
        ra, la, ll, *chest = electrodes
        wilson = (ra + la + ll) / 3
        limb = [la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2]
        return np.stack([*limb, *(electrode - wilson for electrode in chest)])

    return read
