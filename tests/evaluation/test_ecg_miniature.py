"""The small sheet holds the samples of the right lead at the right time, to half a step."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.evaluation.ecg_miniature import ABSENT, N_SAMPLES, ROW_LEADS, STEP_MV, miniature
from ssrl_ecg.signals.leads import LEADS


def test_rows_are_those_of_the_standard_sheet():
    assert ROW_LEADS == (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))


def test_every_sample_is_that_of_its_lead_at_its_time():
    signal_mv = np.random.default_rng(0).uniform(-3, 3, (12, N_SAMPLES)).astype(np.float32)
    small = miniature(signal_mv, 100.0)
    assert small.dtype == np.int8
    for row, names in enumerate(ROW_LEADS):
        for time in range(N_SAMPLES):
            lead = names[time * len(names) // N_SAMPLES]
            value_mv = signal_mv[LEADS.index(lead), time]
            assert abs(small[row, time] * STEP_MV - value_mv) <= STEP_MV / 2 + 1e-6


@pytest.mark.parametrize("rate_hz", [250.0, 500.0])
def test_another_rate_keeps_the_time(rate_hz):
    times_s = np.arange(round(10 * rate_hz)) / rate_hz
    small = miniature(np.broadcast_to(np.sin(2 * np.pi * times_s), (12, len(times_s))), rate_hz)
    expected = np.sin(2 * np.pi * np.arange(N_SAMPLES) / 100)
    np.testing.assert_allclose(small[3] * STEP_MV, expected, atol=STEP_MV)


def test_what_is_too_large_is_clipped_and_what_is_missing_is_absent():
    signal_mv = np.zeros((12, 400), dtype=np.float32)
    signal_mv[1, :3] = [9, -9, np.nan]
    small = miniature(signal_mv, 100.0)
    assert small[3, :3].tolist() == [127, -127, ABSENT]
    assert (small[3, 400:] == ABSENT).all()
    assert (small[0, 250:400] == 0).all()
