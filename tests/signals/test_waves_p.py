"""Gaussian P waves whose steepest slopes and crossings are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from ssrl_ecg.signals.waves_p import find_p

RATE_HZ, SD_S, SMOOTHING_SD_S = 250.0, 0.022, 0.008
SIZES_MV = np.array([0.15, -0.08, 0.10, 0.05])
ONSETS = np.arange(200, 2400, 220)
"""Onsets of ten QRS complexes, in samples."""
T_ENDS = ONSETS + 100.0


def p_leads(centre_s, *, rng=None, noise_mv=0.0, sd_s=SD_S, beats=slice(None)):
    """Leads with a Gaussian before each QRS onset, `centre_s` before it (one, or one per beat)."""
    time = np.arange(2600)
    centres = (ONSETS - RATE_HZ * np.broadcast_to(centre_s, len(ONSETS)))[beats]
    course = np.exp(-(((time - centres[:, None]) / (sd_s * RATE_HZ)) ** 2) / 2).sum(axis=0)
    leads = SIZES_MV[:, None] * course
    if rng is not None:
        leads = leads + rng.normal(scale=noise_mv, size=leads.shape)
    return leads.astype(np.float32)


def slope_reaches_s(level, sd_s=SD_S):
    """How far from a Gaussian's centre its slope is this part of the steepest: outer root of z exp((1 - z^2) / 2)."""
    wide_s = np.hypot(sd_s, SMOOTHING_SD_S)
    return wide_s * brentq(lambda z: z * np.exp((1 - z**2) / 2) - level, 1, 6)


def find(leads, onsets=ONSETS, t_ends=T_ENDS):
    return find_p(leads, onsets.astype(float), t_ends, RATE_HZ)


def test_peaks_are_the_centres_and_boundaries_lie_where_the_slope_fades():
    found = find(p_leads(0.12))
    assert found.problem == ""
    centre = ONSETS - 0.12 * RATE_HZ
    np.testing.assert_allclose(found.positions[..., 1], np.tile(centre, (4, 1)), atol=1.01)
    before_s = (centre - found.positions[..., 0]) / RATE_HZ
    after_s = (found.positions[..., 2] - centre) / RATE_HZ
    assert (before_s > slope_reaches_s(0.35) - 0.004).all()
    assert (before_s < slope_reaches_s(0.25) + 0.004).all()
    # offsets are drawn in by 11 ms: cardiologists on LUDB end P waves before their slope has faded
    assert (after_s > slope_reaches_s(0.50) - 0.011 - 0.004).all()
    assert (after_s < slope_reaches_s(0.25) - 0.011 + 0.004).all()


def test_a_p_wave_that_comes_early_or_late_is_found_where_it_is():
    late_s = np.random.default_rng(0).integers(-4, 5, len(ONSETS)) / RATE_HZ
    positions = find(p_leads(0.13 - late_s)).positions
    expected = ONSETS + (late_s - 0.13) * RATE_HZ
    np.testing.assert_allclose(positions[0, :, 1], expected, atol=2.01)


def test_noise_alone_is_no_p_wave():
    found = find(p_leads(0.12, rng=np.random.default_rng(1), noise_mv=0.02) - p_leads(0.12))
    assert np.isnan(found.positions).all()
    assert "differs from beat to beat" in found.problem


def test_a_beat_without_its_p_wave_has_none():
    beats = np.arange(len(ONSETS)) != 4
    leads = p_leads(0.12, rng=np.random.default_rng(2), noise_mv=0.003, beats=beats)
    has_p = np.isfinite(find(leads).positions).all(axis=(0, 2))
    np.testing.assert_array_equal(has_p, beats)


def test_a_lead_without_p_wave_has_none():
    leads = p_leads(0.12)
    leads[2] = 0
    missing = np.isnan(find(leads).positions)
    assert missing[2].all()
    assert not missing[[0, 1, 3]].any()


def test_what_lasts_longer_than_a_p_wave_is_none():
    found = find(p_leads(0.16, sd_s=0.055))
    assert np.isnan(found.positions).all()
    assert "lasts too long" in found.problem


@pytest.mark.parametrize(("is_irregular", "is_found"), [(False, True), (True, False)])
def test_fibrillation_is_asked_for_more_agreement(is_irregular, is_found):
    onsets = ONSETS + (np.array([0, 30, -30, 25, -20, 30, -30, 20, -25, 0]) if is_irregular else 0)
    rng, size = np.random.default_rng(3), 0.0
    leads = rng.normal(scale=0.02, size=(4, 2600))
    wave = np.exp(-((np.arange(-40, 41) / 5.5) ** 2) / 2)
    for size in np.arange(0.02, 0.2, 0.002):  # from below: the first size at which regular beats are believed
        both = [leads.copy(), leads.copy()]
        for each, at in zip(both, (ONSETS, onsets), strict=True):
            for onset in at:
                each[:, onset - 71 : onset + 10] += size * np.sign(SIZES_MV)[:, None] * wave
        if find(both[0].astype(np.float32)).problem == "":
            break
    chosen = both[1] if is_irregular else both[0]
    assert (find(chosen.astype(np.float32), onsets, onsets + 100.0).problem == "") == is_found


def test_too_few_beats_and_too_little_room_have_their_reasons():
    leads = p_leads(0.12)
    assert "too few beats" in find(leads, ONSETS[:1], T_ENDS[:1]).problem
    assert "within T waves" in find(leads, ONSETS, ONSETS + 195.0).problem
