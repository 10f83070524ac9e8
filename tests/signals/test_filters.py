from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import signal as dsp

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.filters import MAINS_WIDTH_HZ, fft_filter, sos_filter


def sine(frequency_hz: float, sampling_rate_hz: float, duration_s: float = 20.0) -> np.ndarray:
    time_s = np.arange(round(duration_s * sampling_rate_hz)) / sampling_rate_hz
    return np.sin(2 * np.pi * frequency_hz * time_s + 0.7)


def interior_gain(filtered: np.ndarray, original: np.ndarray, sampling_rate_hz: float) -> float:
    """Amplitude ratio by projection, away from the ends; the phase must not have moved."""
    inside = slice(round(6 * sampling_rate_hz), -round(6 * sampling_rate_hz))
    gain = float(filtered[inside] @ original[inside] / (original[inside] @ original[inside]))
    np.testing.assert_allclose(filtered[inside], gain * original[inside], atol=0.01)
    return gain


def prototype_gain(frequency_hz: float, low_hz: float | None, high_hz: float | None, order: int) -> float:
    """SciPy's analogue Butterworth filters, squared magnitude."""
    gain = 1.0
    for edge_hz, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if edge_hz is not None:
            numerator, denominator = dsp.butter(order, edge_hz, kind, analog=True)
            _, response = dsp.freqs(numerator, denominator, worN=[frequency_hz])
            gain *= float(abs(response[0]) ** 2)
    return gain


def by_fft(x: np.ndarray, rate: float, **band: float) -> np.ndarray:
    return fft_filter(torch.from_numpy(x), rate, **band).numpy()  # type: ignore[arg-type]


@pytest.mark.parametrize("run", [by_fft, sos_filter])
@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("frequency_hz", [0.5, 1.0, 10.0, 30.0, 40.0, 46.0])
def test_gain_in_hz_is_the_prototype_s_at_100_and_at_500_hz(run: Callable, order: int, frequency_hz: float) -> None:
    expected = prototype_gain(frequency_hz, 0.5, 40.0, order)
    for rate in (100.0, 500.0):
        x = sine(frequency_hz, rate)
        assert interior_gain(run(x, rate, low_hz=0.5, high_hz=40.0, order=order), x, rate) == pytest.approx(
            expected, abs=0.01
        )


@pytest.mark.parametrize("rate", [100.0, 257.0, 500.0])
@pytest.mark.parametrize(
    "band",
    [
        {"low_hz": 0.5},
        {"high_hz": 20.0},
        {"low_hz": 0.67, "high_hz": 40.0, "order": 4},
        {"mains_hz": 20.0},
        {"low_hz": 1.0, "high_hz": 45.0, "mains_hz": 50.0},
    ],
)
def test_fft_equals_second_order_sections_away_from_the_ends(rate: float, band: dict[str, float]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, round(15 * rate)))
    inside = np.s_[..., round(3 * rate) : -round(3 * rate)]
    np.testing.assert_allclose(by_fft(x, rate, **band)[inside], sos_filter(x, rate, **band)[inside], atol=0.02)


@pytest.mark.parametrize("run", [by_fft, sos_filter])
def test_notch_takes_mains_and_harmonics_and_is_as_wide_as_documented(run: Callable) -> None:
    rate = 500.0
    for frequency_hz in (50.0, 100.0, 150.0, 200.0):
        assert interior_gain(run(sine(frequency_hz, rate), rate, mains_hz=50.0), sine(frequency_hz, rate), rate) < 0.01
    edge = sine(50.0 + MAINS_WIDTH_HZ / 2, rate)
    assert interior_gain(run(edge, rate, mains_hz=50.0), edge, rate) == pytest.approx(0.5, abs=0.02)
    beside = sine(40.0, rate)
    assert interior_gain(run(beside, rate, mains_hz=50.0), beside, rate) > 0.98


@pytest.mark.parametrize("run", [by_fft, sos_filter])
@pytest.mark.parametrize("band", [{"high_hz": 50.0}, {"high_hz": 75.0}, {"mains_hz": 50.0}, {"mains_hz": 60.0}, {}])
def test_nothing_at_or_above_nyquist_is_filtered(run: Callable, band: dict[str, float]) -> None:
    x = np.random.default_rng(0).normal(size=(3, 400))
    np.testing.assert_allclose(run(x, 100.0, **band), x, atol=1e-12)


@pytest.mark.parametrize("run", [by_fft, sos_filter])
def test_harmonics_above_nyquist_leave_the_ones_below(run: Callable) -> None:
    x = sine(50.0, 180.0)
    assert abs(interior_gain(run(x, 180.0, mains_hz=50.0), x, 180.0)) < 0.01


@pytest.mark.parametrize("run", [by_fft, sos_filter])
def test_offsets_and_slopes_do_not_ring(run: Callable) -> None:
    line = np.linspace(-10.0, 30.0, 1000)
    np.testing.assert_allclose(run(np.full(1000, 5.0), 100.0, low_hz=0.5), 0.0, atol=1e-9)
    np.testing.assert_allclose(run(np.full(1000, 5.0), 100.0, high_hz=15.0), 5.0, atol=1e-9)
    np.testing.assert_allclose(run(line, 100.0, low_hz=0.5), 0.0, atol=0.15)
    np.testing.assert_allclose(run(line, 100.0, high_hz=15.0), line, atol=0.15)


def test_ends_are_continued_by_odd_reflection() -> None:
    x = np.random.default_rng(0).normal(size=1001).cumsum() * 0.1
    long = np.pad(x, 1000, mode="reflect", reflect_type="odd")
    spectrum, frequency_hz = np.fft.rfft(long), np.fft.rfftfreq(long.size, 0.01)
    gain = [prototype_gain(f, 0.5, 40.0, 2) if f else 0.0 for f in frequency_hz]
    expected = np.fft.irfft(spectrum * gain, n=long.size)[1000:-1000]
    np.testing.assert_allclose(by_fft(x, 100.0, low_hz=0.5, high_hz=40.0), expected, atol=0.03)


def test_one_cut_off_per_row_equals_row_by_row() -> None:
    x = torch.randn(3, 2, 3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low_hz, high_hz = torch.tensor([0.5, 1.0, 1.5]), torch.tensor([15.0, 40.0, 80.0])
    together = fft_filter(x, 100.0, low_hz=low_hz, high_hz=high_hz)
    for row in range(3):
        alone = fft_filter(x[row], 100.0, low_hz=low_hz[row].item(), high_hz=high_hz[row].item())
        np.testing.assert_allclose(together[row, :, 600:-600], alone[:, 600:-600], atol=1e-3)


def test_input_untouched_type_kept_and_high_orders_finite() -> None:
    x = torch.randn(4, 12, 500, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    y = fft_filter(x, 500.0, low_hz=0.5, high_hz=200.0, mains_hz=50.0, order=12)
    assert torch.equal(x, before)
    assert y.shape == x.shape
    assert y.dtype == torch.float32
    assert y.isfinite().all()


@pytest.mark.parametrize("n_samples", [1, 2, 3, 17])
def test_very_short_signals_keep_their_length(n_samples: int) -> None:
    x = torch.randn(2, n_samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert fft_filter(x, 100.0, low_hz=0.5, high_hz=40.0).shape == x.shape
    assert sos_filter(x.numpy(), 100.0, low_hz=0.5, high_hz=40.0).shape == x.shape


@pytest.mark.parametrize("run", [by_fft, sos_filter])
@pytest.mark.parametrize(
    ("band", "message"),
    [
        ({"low_hz": 40.0, "high_hz": 40.0}, "out of order"),
        ({"low_hz": 41.0, "high_hz": 40.0}, "out of order"),
        ({"low_hz": 50.0}, "out of range"),
        ({"low_hz": 0.0}, "out of range"),
        ({"low_hz": float("nan")}, "out of range"),
        ({"high_hz": -1.0}, "positive"),
        ({"mains_hz": 0.0}, "positive"),
        ({"order": 0, "low_hz": 1.0}, "order"),
    ],
)
def test_impossible_bands_are_refused(run: Callable, band: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(np.zeros((2, 100)), 100.0, **band)


def test_impossible_rates_shapes_and_rows_are_refused() -> None:
    x = torch.zeros(2, 3, 100)
    with pytest.raises(InputError, match="sampling rate"):
        fft_filter(x, 0.0, low_hz=1.0)
    with pytest.raises(InputError, match="no samples"):
        fft_filter(x[..., :0], 100.0, low_hz=1.0)
    with pytest.raises(InputError, match="per row"):
        fft_filter(x, 100.0, low_hz=torch.tensor([1.0, 2.0, 3.0]))
    with pytest.raises(InputError, match="per row"):
        fft_filter(x[0, 0], 100.0, low_hz=torch.full((100,), 1.0))
    with pytest.raises(InputError, match="out of order"):
        fft_filter(x, 100.0, low_hz=torch.tensor([1.0, 2.0]), high_hz=torch.tensor([30.0, 2.0]))
