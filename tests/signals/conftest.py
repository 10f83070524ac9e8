"""Recordings whose waves are known exactly: the simulator's masks as a delineation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ssrl_ecg.data.simulator import SimulatedECG, simulate
from ssrl_ecg.signals.delineation import Delineation
from ssrl_ecg.signals.waves import waves_from_mask

WIDE_S = 0.16
"""The simulator's ventricular beats have a QRS complex of 170 ms; no other beat of such a record is as wide."""


def exact_delineation(simulated: SimulatedECG, record: int) -> Delineation:
    """Return the truth of a simulated record as a delineation; peaks of P and T are the middle of the wave."""
    rate_hz = simulated.sampling_rate_hz
    waves = waves_from_mask(simulated.masks[record], rate_hz)
    r_peaks_s = simulated.r_peaks_s[record]
    overall_s = np.full((np.isfinite(r_peaks_s).sum(), 9), np.nan)
    for beat, r_s in enumerate(r_peaks_s[np.isfinite(r_peaks_s)]):
        overall_s[beat, 4] = r_s
        own = [wave for wave in waves["qrs"] if not (wave[0] > r_s or wave[2] <= r_s)]
        if own and np.isfinite(own[0][[0, 2]]).all():
            overall_s[beat, [3, 5]] = own[0][[0, 2]]
        before = [wave for wave in waves["p"] if 0 < overall_s[beat, 3] - wave[0] < 0.35]
        after = [wave for wave in waves["t"] if 0 < wave[2] - overall_s[beat, 3] < 0.65]
        if before:
            overall_s[beat, [0, 2]] = before[-1][[0, 2]]
        if after:
            overall_s[beat, [6, 8]] = after[0][[0, 2]]
    overall_s[:, 1], overall_s[:, 7] = overall_s[:, [0, 2]].mean(axis=1), overall_s[:, [6, 8]].mean(axis=1)
    return Delineation(
        sampling_rate_hz=rate_hz,
        duration_s=simulated.signal_mv.shape[2] / rate_hz,
        leads_s=np.repeat(overall_s[None], 12, axis=0),
        overall_s=overall_s,
        usable=np.ones(12, dtype=bool),
        paced=np.zeros(len(overall_s), dtype=bool),
        ectopic=(overall_s[:, 5] - overall_s[:, 3] > WIDE_S) & (simulated.table["n_pvc"].iloc[record] > 0),
        problems=(),
    )


@pytest.fixture(scope="session")
def truth() -> Callable[[SimulatedECG, int], Delineation]:
    return exact_delineation


@pytest.fixture(scope="session")
def clean() -> SimulatedECG:
    """Noiseless hearts at 500 Hz, all classes."""
    return simulate(40, generator=np.random.default_rng(3), sampling_rate_hz=500, noise=0.0)
