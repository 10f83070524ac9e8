"""Gaussian T waves after a narrow complex: peak, symmetry and fading slope are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from ssrl_ecg.signals.beats import gather_beats
from ssrl_ecg.signals.waves_qrs import find_qrs
from ssrl_ecg.signals.waves_t import find_t

RATE_HZ, SD_S, SMOOTHING_SD_S = 250.0, 0.040, 0.010
AT = np.arange(150, 2400, 230)
QRS_MV, T_MV = np.array([1.0, -0.8, 1.2]), np.array([0.30, -0.20, 0.15])


def find(late_s=0.0, t_mv=T_MV, centre_s=0.28, sd_s=SD_S):
    """Beats and their T waves, which come `late_s` later than `centre_s` after R (one, or one per beat)."""
    time = np.arange(2600)
    centres = AT + RATE_HZ * (centre_s + np.broadcast_to(late_s, len(AT)))
    leads = QRS_MV[:, None] * np.exp(-(((time - AT[:, None]) / 3) ** 2) / 2).sum(axis=0)
    leads = leads + t_mv[:, None] * np.exp(-(((time - centres[:, None]) / (sd_s * RATE_HZ)) ** 2) / 2).sum(axis=0)
    beats = gather_beats(leads.astype(np.float32), AT, RATE_HZ)
    return find_t(beats, find_qrs(beats)) / RATE_HZ


def slope_reaches_s(level, sd_s=SD_S):
    """How far from a Gaussian's centre its slope is this part of the steepest: outer root of z exp((1 - z^2) / 2)."""
    wide_s = np.hypot(sd_s, SMOOTHING_SD_S)
    return wide_s * brentq(lambda z: z * np.exp((1 - z**2) / 2) - level, 1, 6)


@pytest.mark.parametrize("sd_s", [0.03, 0.04, 0.05])
def test_the_peak_is_the_centre_and_the_wave_ends_where_its_slope_fades(sd_s):
    found = find(sd_s=sd_s)
    np.testing.assert_allclose(found[..., 1], 0.28, atol=0.0041)
    np.testing.assert_allclose(found[..., 2], 0.28 + slope_reaches_s(0.27, sd_s) - 0.001, atol=0.006)
    # a lead's onset is looked for up to 10 ms before the common one, where the slope is half of the steepest
    common_s = 0.28 - slope_reaches_s(0.50, sd_s) - 0.015
    assert ((found[..., 0] > common_s - 0.016) & (found[..., 0] < common_s + 0.004)).all()


def test_a_t_wave_that_comes_early_or_late_takes_its_boundaries_along():
    late = np.random.default_rng(0).integers(-5, 6, len(AT))
    found = find(late / RATE_HZ)
    moved = np.rint(RATE_HZ * (found[0] - found[0].mean(axis=0)))
    np.testing.assert_allclose(moved, np.repeat((late - late.mean())[:, None], 3, axis=1), atol=1.6)


def test_polarity_and_size_do_not_move_boundaries():
    np.testing.assert_allclose(find(t_mv=-2 * T_MV)[..., [0, 2]], find()[..., [0, 2]], atol=0.004)


def test_a_lead_without_t_wave_has_none():
    missing = np.isnan(find(t_mv=T_MV * [1, 0, 1]))
    assert missing[1].all()
    assert not missing[[0, 2]].any()


def test_no_t_wave_is_looked_for_where_the_recording_ends():
    leads = QRS_MV[:, None] * np.exp(-(((np.arange(240) - 200) / 3) ** 2) / 2)
    beats = gather_beats(leads.astype(np.float32), np.array([200]), RATE_HZ)
    assert np.isnan(find_t(beats, find_qrs(beats))).all()
