"""Zero-phase filters whose response is the same in Hz at any sampling rate.

Both filters have the gain of an analogue prototype run forward and backward, that is, its squared magnitude:

* high-pass at ``low_hz`` and low-pass at ``high_hz``: Butterworth of order n, gains ``1 / (1 + (low/f)^2n)`` and
  ``1 / (1 + (f/high)^2n)``, one half at the cut-off;
* a notch at the mains frequency m and at each of its harmonics: second order, with d = f^2 - m^2 the gain
  ``d^2 / (d^2 + (f * MAINS_WIDTH_HZ)^2)``, so ``MAINS_WIDTH_HZ`` wide where the gain is one half.

What lies at or above the Nyquist frequency cannot be filtered and is left out: a high cut-off there means no low-pass,
and mains components there get no notch. Ends are continued by odd reflection (point symmetry about the end sample), so
that an offset or a slope does not ring.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy import signal as dsp
from torch import Tensor

from ssrl_ecg.errors import InputError

MAINS_WIDTH_HZ = 2.0
"""Width of a mains notch between the two frequencies at which its gain is one half."""

_OVERSAMPLING = 16
"""Sampling rate over highest edge from which on the bilinear transform bends the response by less than 1 %."""


def fft_filter(
    signal: Tensor,
    sampling_rate_hz: float,
    *,
    low_hz: float | Tensor | None = None,
    high_hz: float | Tensor | None = None,
    mains_hz: float | None = None,
    order: int = 2,
) -> Tensor:
    """Filter along time by multiplying the spectrum with the prototype's gain (see the module's docstring).

    Args:
        signal: (..., time), any unit, float32 or float64; not modified.
        sampling_rate_hz: samples per second.
        low_hz: high-pass cut-off in (0, Nyquist), or one per row of the first axis, (batch,); None: no high-pass.
        high_hz: low-pass cut-off above ``low_hz``, or one per row; None, or at or above Nyquist: no low-pass.
        mains_hz: mains frequency (50 or 60), notched together with its harmonics below Nyquist; None: no notch.
        order: Butterworth order of the prototype, at least 1.

    Returns:
        The filtered signal, same shape, type and device (a view of the continued one). How far the ends are continued
        follows from the lowest cut-off in the batch, so near its ends (for about 1 / low_hz) a row may differ by some
        1 % between batches.

    Raises:
        InputError: a cut-off is out of range, not below its partner, or not one per row; the signal is empty.
    """
    low, high = _per_row(low_hz, signal, "low_hz"), _per_row(high_hz, signal, "high_hz")
    band = _band(low, high, mains_hz, sampling_rate_hz, order)
    n_samples = signal.shape[-1]
    left = band.padding_samples(n_samples, sampling_rate_hz)
    right = min(n_samples - 1, fft.next_fast_len(n_samples + 2 * left, real=True) - n_samples - left)
    padded = _odd_extension(signal, left, right)
    frequency_hz = torch.fft.rfftfreq(padded.shape[-1], 1 / sampling_rate_hz, dtype=signal.dtype, device=signal.device)
    spectrum = torch.fft.rfft(padded).mul_(band.gain(frequency_hz))
    filtered: Tensor = torch.fft.irfft(spectrum, n=padded.shape[-1])
    return filtered.narrow(-1, left, n_samples)


def sos_filter(
    signal: NDArray[np.floating],
    sampling_rate_hz: float,
    *,
    low_hz: float | None = None,
    high_hz: float | None = None,
    mains_hz: float | None = None,
    order: int = 2,
) -> NDArray[np.float64]:
    """Filter along time with SciPy's second-order sections, forward and backward; the response is ``fft_filter``'s.

    A digital Butterworth filter bends the frequency axis towards Nyquist (bilinear transform). To keep the response in
    Hz, the signal is filtered at a multiple of its rate, at least 16 times the highest edge, and decimated afterwards.

    Args:
        signal: (..., time), any unit; not modified.
        sampling_rate_hz: samples per second.
        low_hz: high-pass cut-off in (0, Nyquist); None: no high-pass.
        high_hz: low-pass cut-off above ``low_hz``; None, or at or above Nyquist: no low-pass.
        mains_hz: mains frequency (50 or 60), notched together with its harmonics below Nyquist; None: no notch.
        order: Butterworth order of the prototype, at least 1.

    Returns:
        The filtered signal, same shape, float64.

    Raises:
        InputError: a cut-off is out of range or not below its partner; the signal is empty.
    """
    rows = torch.as_tensor(np.asarray(signal, dtype=np.float64))
    low, high = _per_row(low_hz, rows, "low_hz"), _per_row(high_hz, rows, "high_hz")
    band = _band(low, high, mains_hz, sampling_rate_hz, order)
    n_samples = rows.shape[-1]
    pad = band.padding_samples(n_samples, sampling_rate_hz)
    factor = max(1, math.ceil(_OVERSAMPLING * max(band.edges_hz, default=0.0) / sampling_rate_hz))
    padded = _odd_extension(rows, pad, pad).numpy()
    fine = dsp.resample(padded, factor * padded.shape[-1], axis=-1)
    for sections in band.sections(factor * sampling_rate_hz):
        fine = dsp.sosfiltfilt(sections, fine, axis=-1, padtype=None)
    kept: NDArray[np.float64] = fine[..., factor * pad : factor * (pad + n_samples) : factor]
    return kept


@dataclass(frozen=True)
class _Band:
    """A checked response: edges in Hz that broadcast against (..., frequency); a high cut-off is inf where unused."""

    low: Tensor | None
    high: Tensor | None
    mains_hz: tuple[float, ...]
    order: int

    @property
    def edges_hz(self) -> list[float]:
        """Every cut-off and mains frequency that is in use."""
        cuts = [edge for edges in (self.low, self.high) if edges is not None for edge in edges.flatten().tolist()]
        return [edge for edge in (*cuts, *self.mains_hz) if math.isfinite(edge)]

    def gain(self, frequency_hz: Tensor) -> Tensor:
        """Return the zero-phase gain, (..., frequency) in [0, 1]."""
        gain = torch.ones_like(frequency_hz)
        if self.low is not None:  # low/f is inf at f = 0, and the gain there 0
            gain = gain / (1 + _even_power(self.low / frequency_hz, self.order))
        if self.high is not None:
            gain = gain / (1 + _even_power(frequency_hz / self.high, self.order))
        for mains in self.mains_hz:
            distance = (frequency_hz**2 - mains**2) ** 2
            gain = gain * (distance / (distance + (frequency_hz * MAINS_WIDTH_HZ) ** 2))
        return gain

    def sections(self, sampling_rate_hz: float) -> Iterator[NDArray[np.float64]]:
        """Yield SciPy's second-order sections of each part, for use forward and backward."""
        if self.low is not None:
            yield dsp.butter(self.order, self.low.item(), "highpass", output="sos", fs=sampling_rate_hz)
        if self.high is not None and math.isfinite(self.high.item()):
            yield dsp.butter(self.order, self.high.item(), "lowpass", output="sos", fs=sampling_rate_hz)
        for mains in self.mains_hz:
            yield dsp.tf2sos(*dsp.iirnotch(mains, mains / MAINS_WIDTH_HZ, fs=sampling_rate_hz))

    def padding_samples(self, n_samples: int, sampling_rate_hz: float) -> int:
        """Return after how many samples the slowest part's response has died down to about 1 %, below ``n_samples``."""
        cuts = [edge for edge in self.edges_hz if edge not in self.mains_hz]
        slowest_hz = min([*cuts, *([MAINS_WIDTH_HZ / 2] if self.mains_hz else [])], default=math.inf)
        return min(n_samples - 1, math.ceil(sampling_rate_hz * max(self.order, 2) / (2 * slowest_hz)))


def _band(
    low: Tensor | None, high: Tensor | None, mains_hz: float | None, sampling_rate_hz: float, order: int
) -> _Band:
    """Check the edges against each other and against Nyquist, and leave out what lies at or above it."""
    if not (sampling_rate_hz > 0 and math.isfinite(sampling_rate_hz)):
        raise InputError("sampling rate must be positive", field="sampling_rate_hz", found=sampling_rate_hz)
    if order < 1:
        raise InputError("filter order must be at least 1", field="order", found=order)
    nyquist_hz = sampling_rate_hz / 2
    if low is not None and not bool(((low > 0) & (low < nyquist_hz)).all()):
        raise InputError(
            "high-pass cut-off out of range",
            field="low_hz",
            expected=f"above 0 and below {nyquist_hz:g} Hz",
            found=_listed(low),
        )
    if high is not None and not bool((high > 0).all()):
        raise InputError("low-pass cut-off must be positive", field="high_hz", found=_listed(high))
    if low is not None and high is not None and not bool((low < high).all()):
        raise InputError(
            "band edges out of order", expected="low_hz < high_hz", found=f"{_listed(low)}, {_listed(high)}"
        )
    if mains_hz is not None and not mains_hz > 0:
        raise InputError("mains frequency must be positive", field="mains_hz", found=mains_hz)
    if high is not None:
        high = high.masked_fill(high >= nyquist_hz, math.inf)
    harmonics = () if mains_hz is None else tuple(mains_hz * k for k in range(1, math.ceil(nyquist_hz / mains_hz)))
    return _Band(low, high, harmonics, order)


def _per_row(edge_hz: float | Tensor | None, signal: Tensor, field: str) -> Tensor | None:
    """Return a cut-off as a tensor that broadcasts against (..., frequency); per-row values lie on the first axis."""
    if signal.ndim == 0 or signal.shape[-1] == 0:
        raise InputError("nothing to filter: the signal has no samples", found=tuple(signal.shape))
    if edge_hz is None:
        return None
    edge = torch.as_tensor(edge_hz, dtype=signal.dtype, device=signal.device)
    if edge.ndim == 0:
        return edge
    if signal.ndim < 2 or edge.shape != signal.shape[:1]:
        raise InputError(
            "one cut-off per row is needed", field=field, expected=tuple(signal.shape[:1]), found=tuple(edge.shape)
        )
    return edge.reshape(-1, *(1,) * (signal.ndim - 1))


def _odd_extension(signal: Tensor, left: int, right: int) -> Tensor:
    """Continue both ends of (..., time) by reflecting them about the end sample, in time and in value."""
    n_samples = signal.shape[-1]
    before = 2 * signal[..., :1] - signal[..., 1 : left + 1].flip(-1)
    after = 2 * signal[..., -1:] - signal[..., n_samples - 1 - right : n_samples - 1].flip(-1)
    return torch.cat([before, signal, after], dim=-1)


def _even_power(base: Tensor, half: int) -> Tensor:
    """Return base ** (2 half); squaring is many times as fast as a general power, and order 2 is the usual one."""
    square = base * base
    return square * square if half == 2 else square**half


def _listed(values: Tensor) -> str:
    """Return the values' range as text for an error message."""
    low, high = float(values.min()), float(values.max())
    return f"{low:g} Hz" if low == high else f"{low:g} to {high:g} Hz"
