from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.evaluation.transfer.beat_shapes import beat_shapes

N_VOLTAGES = 37


def bump(rate_hz, width_s=0.02, height_mv=1.0, level_mv=0.0):
    time_s = (np.arange(round(2 * rate_hz)) - round(rate_hz)) / rate_hz
    wave = level_mv + height_mv * np.exp(-0.5 * (time_s / width_s) ** 2)
    return np.stack([wave, np.zeros_like(wave)])[None].astype(np.float32)


def shapes(windows_mv, rate_hz=100.0, usual_mv=None):
    usual_mv = windows_mv if usual_mv is None else usual_mv
    found = beat_shapes(windows_mv, usual_mv, rate_hz)[0]
    n_shape = (len(found) - 4) // 2
    return found[:n_shape].reshape(2, -1), found[n_shape:-4].reshape(2, -1), found[-4:-2], found[-2:]


@pytest.mark.parametrize("rate_hz", [100.0, 250.0])
def test_a_gaussian_has_its_height_and_width_whatever_the_level_and_rate(rate_hz):
    shape, *_ = shapes(bump(rate_hz, height_mv=1.5, level_mv=0.4), rate_hz)
    measured = shape[0, N_VOLTAGES:]
    assert measured[:3] == pytest.approx([1.5, 0.0, 1.5], abs=1e-3)
    full_width_s = 2 * np.sqrt(2 * np.log(2)) * 0.02
    assert measured[7] == pytest.approx(full_width_s, abs=1.5 / rate_hz)
    assert measured[8] == pytest.approx(1.5 / 0.02 * np.exp(-0.5), rel=0.15)


def test_a_missing_lead_is_all_zero():
    shape, differences, correlation, rms_mv = shapes(bump(100.0))
    assert not shape[1, :N_VOLTAGES].any()
    assert not differences.any()
    np.testing.assert_allclose(correlation, [1, 0], atol=1e-5)
    np.testing.assert_array_equal(rms_mv, 0)


def test_differences_are_to_the_usual_beat():
    wide, narrow = bump(100.0, 0.05), bump(100.0)
    shape, differences, correlation, _ = shapes(wide, usual_mv=narrow)
    np.testing.assert_allclose(differences, shape - shapes(narrow)[0], atol=1e-6)
    part = slice(100 - 15, 100 + 17)
    assert correlation[0] == pytest.approx(np.corrcoef(wide[0, 0, part], narrow[0, 0, part])[0, 1], abs=1e-5)
