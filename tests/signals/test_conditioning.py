from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.conditioning import INTERNAL_RATE_HZ, condition


def sines(frequencies_hz, rate_hz, duration_s=20.0):
    time = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.stack([np.sin(2 * np.pi * f * time) for f in frequencies_hz])


@pytest.mark.parametrize("rate_hz", [100, 250, 360, 500, 999.7])
def test_gain_is_one_inside_the_band_one_half_at_its_edges_and_zero_far_outside(rate_hz):
    conditioned = condition(sines([0.1, 2.0, 8.0, 20.0, 45.0], rate_hz), rate_hz)
    middle = conditioned.band(2.0, 20.0)[:, 1000:4000]
    gain = middle.std(axis=1) * np.sqrt(2)
    np.testing.assert_allclose(gain, [0, 0.5, 0.9, 0.5, 0.03], atol=0.02)
    assert abs(conditioned.rate_hz / INTERNAL_RATE_HZ - 1) < 0.01


def test_a_change_of_rate_keeps_the_clock():
    low, high = (condition(sines([1.0, 7.0, 13.0], rate_hz), rate_hz) for rate_hz in (100, 500))
    time = 2.5 + np.arange(15) * 1.01
    for lead in range(3):
        values = [
            np.interp(time, np.arange(each.n_samples) / each.rate_hz, each.band(0.3, 40)[lead]) for each in (low, high)
        ]
        np.testing.assert_allclose(values[0], values[1], atol=0.01)


def test_each_kind_of_bad_lead_is_named_and_silenced():
    signal = np.random.default_rng(0).normal(size=(5, 2000))
    signal[1] = 0.3
    signal[2, :1200] = np.nan
    signal[3] = signal[3].clip(-0.3, 0.3)
    signal[4, 100:200] = np.inf
    conditioned = condition(signal, 500)
    assert conditioned.reasons == ("", "is flat", "is mostly missing", "is saturated", "")
    assert conditioned.usable.tolist() == [True, False, False, False, True]
    assert not conditioned.band(0.5, 40)[1:4].any()
    assert np.isfinite(conditioned.band(0.5, 40)).all()


@pytest.mark.parametrize(
    ("shape", "rate_hz"), [((5,), 500), ((0, 100), 500), ((2, 0), 500), ((2, 100), 20), ((2, 100), float("nan"))]
)
def test_what_is_no_recording_is_refused(shape, rate_hz):
    with pytest.raises(InputError):
        condition(np.zeros(shape), rate_hz)
