"""Waves of complexes made of half sines, whose heights and lengths are known."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.qrs_waves import LEAST_WAVE_MV, qrs_waves

RATE_HZ = 1000.0


def complex_of(*waves):
    """Half sines one after the other: (height in mV, length in ms)."""
    return np.concatenate([height * np.sin(np.pi * (np.arange(length) + 0.5) / length) for height, length in waves])


def named(*waves):
    return {name: float(value[0]) for name, value in vars(qrs_waves(complex_of(*waves)[None], RATE_HZ)).items()}


def test_q_r_s_and_r_prime_have_the_heights_and_lengths_they_were_made_with():
    found = named((-0.2, 30), (1.5, 40), (-0.5, 20), (0.4, 26))
    heights = [found[f"{wave}_mv"] for wave in ("q", "r", "s", "r_prime")]
    lengths = [found[f"{wave}_ms"] for wave in ("q", "r", "s", "r_prime")]
    np.testing.assert_allclose(heights, [0.2, 1.5, 0.5, 0.4], rtol=0.01)  # a half sine's middle samples: cos(pi/60)
    assert lengths == [30, 40, 20, 26]
    assert found["r_peak_ms"] == pytest.approx(30 + 40 + 20 + 13, abs=1)


def test_a_complex_without_r_is_a_qs_and_counts_both_ways():
    found = named((-1.2, 60))
    assert found["q_mv"] == found["s_mv"] == pytest.approx(1.2, rel=0.01)
    assert found["q_ms"] == found["s_ms"] == 60
    assert (found["r_mv"], found["r_prime_mv"]) == (0, 0)
    assert np.isnan(found["r_peak_ms"])


def test_deflections_below_20_microvolt_or_6_ms_are_no_waves():
    assert named((-0.9 * LEAST_WAVE_MV, 30), (0.5, 40))["q_mv"] == 0
    assert named((-1.1 * LEAST_WAVE_MV, 30), (0.5, 40))["q_mv"] > 0
    assert named((-0.1, 5), (0.5, 40))["q_mv"] == 0
    assert named((-0.1, 6), (0.5, 40))["q_mv"] > 0


def test_a_notch_that_is_no_wave_does_not_split_an_r():
    found = named((1.0, 30), (-0.01, 4), (0.8, 30))
    assert (found["r_prime_mv"], found["s_mv"]) == (0, 0)
    assert found["r_ms"] == 60


def test_small_deflections_beside_large_ones_are_no_waves():
    assert named((0.03, 10), (-2.0, 60))["r_mv"] == 0
    assert named((0.08, 10), (-2.0, 60))["r_mv"] == pytest.approx(0.08, rel=0.02)


def test_leads_do_not_touch_each_other():
    one, other = complex_of((-0.2, 30), (1.0, 40)), complex_of((0.3, 30), (-1.0, 40))
    together = qrs_waves(np.stack([one, np.full(70, np.nan), other, np.zeros(70)]), RATE_HZ)
    for lead, alone in ((0, one), (2, other)):
        for name, value in vars(qrs_waves(alone[None], RATE_HZ)).items():
            assert getattr(together, name)[lead] == value[0]
    assert np.isnan([value[1] for value in vars(together).values()]).all()
    assert together.r_mv[3] == together.q_mv[3] == together.s_mv[3] == 0
