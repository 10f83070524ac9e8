from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal as dsp

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import einthoven_error_mv, limb_leads_from_i_ii
from ssrl_ecg.signals.resample import resample

RATES = [(360.0, 100.0), (257.0, 100.0), (500.0, 100.0), (100.0, 500.0), (250.0, 360.0), (1000.0, 128.0)]


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_sine_stays_the_same_sine(from_hz: float, to_hz: float) -> None:
    def wave(rate_hz: float, n_samples: int) -> np.ndarray:
        return np.sin(2 * np.pi * 7.3 * np.arange(n_samples) / rate_hz + 0.4)

    resampled = resample(wave(from_hz, round(10 * from_hz)), from_hz, to_hz)
    inside = slice(round(0.5 * to_hz), -round(0.5 * to_hz))
    np.testing.assert_allclose(resampled[inside], wave(to_hz, round(10 * to_hz))[inside], atol=2e-3)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_agrees_with_fourier_resampling_on_a_periodic_signal(from_hz: float, to_hz: float) -> None:
    n_samples, rng = round(8 * from_hz), np.random.default_rng(0)
    time_s = np.arange(n_samples) / from_hz
    x = sum(rng.normal() * np.cos(2 * np.pi * k / 8 * time_s + rng.uniform(0, 6)) for k in range(1, 160))
    expected = dsp.resample(x, round(8 * to_hz))
    inside = slice(round(to_hz), -round(to_hz))
    np.testing.assert_allclose(resample(x, from_hz, to_hz)[inside], expected[inside], atol=0.005 * np.abs(x).max())


@pytest.mark.parametrize(("from_hz", "to_hz"), [*RATES, (128.5, 100.0), (99.97, 100.0), (100.0, 33.3)])
def test_length_is_rounded(from_hz: float, to_hz: float) -> None:
    for n_samples in (10, 99, 1000, 2570, 3601):
        expected = math.floor(n_samples * to_hz / from_hz + 0.5)
        assert resample(np.zeros((2, n_samples)), from_hz, to_hz).shape == (2, expected)


def test_half_a_sample_is_rounded_up() -> None:
    assert resample(np.zeros(5), 200.0, 100.0).shape == (3,)


def test_what_the_lower_rate_cannot_carry_is_removed_not_folded() -> None:
    x = np.sin(2 * np.pi * 83.0 * np.arange(5000) / 500)
    assert np.abs(resample(x, 500.0, 100.0)[50:-50]).max() < 0.01


def test_equal_rates_copy() -> None:
    x = np.random.default_rng(0).normal(size=(12, 100)).astype(np.float32)
    y = resample(x, 500.0, 500.0)
    np.testing.assert_array_equal(x, y)
    assert not np.shares_memory(x, y)


def test_offset_does_not_droop_and_types_are_floating() -> None:
    y = resample(np.full((2, 1000), 300, dtype=np.int16), 500.0, 100.0)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, 300.0, rtol=1e-5)
    assert resample(np.zeros(100), 500.0, 100.0).dtype == np.float64


def test_einthoven_s_law_survives() -> None:
    i, ii, *chest = np.random.default_rng(0).normal(size=(8, 3600)).cumsum(-1) * 0.05
    twelve = np.concatenate([limb_leads_from_i_ii(i, ii), chest])
    assert einthoven_error_mv(resample(twelve, 360.0, 100.0)) < 1e-12


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0.0, 100.0), (100.0, -1.0), (float("nan"), 100.0), (100.0, math.inf)])
def test_impossible_rates_are_refused(from_hz: float, to_hz: float) -> None:
    with pytest.raises(InputError, match="sampling rate must be a positive number"):
        resample(np.zeros(10), from_hz, to_hz)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(InputError, match="no sample is left"):
        resample(np.zeros((12, 0)), 500.0, 100.0)
    with pytest.raises(InputError, match="no sample is left"):
        resample(np.zeros((12, 2)), 500.0, 100.0)
