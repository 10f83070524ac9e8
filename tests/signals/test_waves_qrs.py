"""QRS complexes of straight lines and of Gaussians, whose boundaries are known."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.beats import gather_beats
from ssrl_ecg.signals.waves_qrs import find_qrs

RATE_HZ = 250.0
AT = np.arange(200, 2400, 220)
SAMPLE_MS = 1000 / RATE_HZ


def beats_of(courses_mv):
    """Beats whose leads follow (lead, 2 n + 1) courses about each R peak."""
    reach = courses_mv.shape[1] // 2
    leads = np.zeros((len(courses_mv), 2600))
    for position in AT:
        leads[:, position - reach : position + reach + 1] += courses_mv
    return gather_beats(leads.astype(np.float32), AT, RATE_HZ)


def ms(samples):
    return samples * SAMPLE_MS


@pytest.mark.parametrize("half", [8, 10, 14])
def test_a_triangle_begins_and_ends_at_its_corners(half):
    triangle = np.clip(1 - np.abs(np.arange(-50, 51)) / half, 0, None)
    found = find_qrs(beats_of(np.array([1.0, -0.6, 1.5])[:, None] * triangle))[:, 0]
    # 6 ms earlier and 3 ms later than the slope says: the biases measured on LUDB
    np.testing.assert_allclose(ms(found[:, 0]), ms(-half) - 6, atol=1.5 * SAMPLE_MS)
    np.testing.assert_allclose(ms(found[:, 2]), ms(half) + 2.7, atol=1.5 * SAMPLE_MS)
    np.testing.assert_array_equal(found[:, 1], 0)


def test_polarity_and_size_do_not_move_boundaries():
    wave = np.exp(-((np.arange(-50, 51) / 4) ** 2) / 2)
    courses = np.array([1.0, -0.6, 1.5])[:, None] * wave
    one = find_qrs(beats_of(courses))[..., [0, 2]]
    np.testing.assert_allclose(find_qrs(beats_of(-3 * courses))[..., [0, 2]], one, atol=1e-3)


@pytest.mark.parametrize(("r_mv", "peak"), [(1.0, 3), (0.2, 3), (0.05, -3)])
def test_the_peak_is_r_unless_the_complex_is_a_qs(r_mv, peak):
    time = np.arange(-50, 51)
    course = -np.exp(-(((time + 3) / 2) ** 2) / 2) + r_mv * np.exp(-(((time - 3) / 2) ** 2) / 2)
    steady = np.exp(-((time / 3) ** 2) / 2)
    found = find_qrs(beats_of(np.stack([course, 2 * steady, -2 * steady])))
    assert abs(found[0, 0, 1] - peak) <= 1


def test_a_lead_that_begins_later_is_moved_part_of_the_way():
    early = np.clip(1 - np.abs(np.arange(-50, 51)) / 12, 0, None)
    late = np.clip(1 - np.abs(np.arange(-50, 51)) / 6, 0, None)
    found = find_qrs(beats_of(np.stack([early, early, late])))[:, 0]
    assert found[0, 0] < found[2, 0] < -6
    assert found[2, 0] - found[0, 0] == pytest.approx(0.4 * 6, abs=1)
    assert found[0, 2] - found[2, 2] == pytest.approx(0.4 * 6, abs=1)


def test_a_t_wave_that_follows_without_a_pause_is_left_out():
    time = np.arange(-90, 91)
    complex_mv = np.exp(-((time / 3) ** 2) / 2)
    t_mv = 0.35 * np.exp(-(((time - 50) / 17) ** 2) / 2)
    alone, together = (
        find_qrs(beats_of(np.array([1.0, 0.7, -0.5])[:, None] * mv)) for mv in (complex_mv, complex_mv + t_mv)
    )
    assert np.abs(ms(together - alone)[..., 2]).max() < 25
    assert np.abs(ms(together - alone)[..., 0]).max() < 2
