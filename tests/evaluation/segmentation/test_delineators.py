from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.evaluation.segmentation.delineators import FLOORS, neurokit_beats
from ssrl_ecg.metrics.delineation import compare_times
from ssrl_ecg.signals.waves import WAVES


@pytest.fixture(scope="module")
def ecg():
    return simulate(1, generator=np.random.default_rng(3), sampling_rate_hz=500.0, noise=0.2)


@pytest.mark.parametrize("name", FLOORS)
def test_floors_find_the_beats_of_every_lead(name, ecg):
    if name == "neurokit2":
        pytest.importorskip("neurokit2")
    leads = FLOORS[name].delineate(ecg.signal_mv[0], 500.0)
    assert len(leads) == 12
    r_s = ecg.r_peaks_s[0][np.isfinite(ecg.r_peaks_s[0])]
    for waves in leads:
        assert set(waves) == set(WAVES)
        assert all(times_s.shape[1] == 3 for times_s in waves.values())
    assert compare_times(r_s[1:-1], leads[1]["qrs"][:, 1], 0.15).sensitivity > 0.8


def test_a_lead_that_neurokit_cannot_read_has_no_beats():
    pytest.importorskip("neurokit2")
    assert neurokit_beats(np.zeros(5000, np.float32), 500).shape == (0, 9)
