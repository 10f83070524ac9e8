"""Change of sampling rate by a rational ratio, polyphase with an anti-alias filter."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ssrl_ecg.errors import InputError

_LARGEST_DENOMINATOR = 10_000
"""Bound of the ratio's terms: the timing error stays below 1e-8 of the record, the filter below some 10^5 taps."""


def resample(signal: NDArray[Any], from_hz: float, to_hz: float) -> NDArray[Any]:
    """Resample along the last axis with ``scipy.signal.resample_poly`` (Kaiser-windowed sinc, linear phase).

    Ends are continued along the line through the first and the last sample, so that an offset does not droop. The
    operation is linear and the same for every lead, so laws between leads survive it.

    Args:
        signal: (..., time), any unit, at least one sample; integers become floating point.
        from_hz: its sampling rate.
        to_hz: the sampling rate wanted.

    Returns:
        (..., round(n * to_hz / from_hz)) (halves up), sample 0 at the same instant; a copy when the rates are equal.

    Raises:
        InputError: a rate is not a positive number, or nothing would be left of the signal.
    """
    for field, rate_hz in (("from_hz", from_hz), ("to_hz", to_hz)):
        if not (math.isfinite(rate_hz) and rate_hz > 0):
            raise InputError("sampling rate must be a positive number", field=field, found=rate_hz)
    ratio = Fraction(to_hz / from_hz).limit_denominator(_LARGEST_DENOMINATOR)
    up, down = ratio.numerator, ratio.denominator
    n_samples = (2 * signal.shape[-1] * up + down) // (2 * down)
    if n_samples == 0:
        raise InputError(f"no sample is left after resampling from {from_hz:g} to {to_hz:g} Hz", found=signal.shape)
    floating = signal.astype(np.result_type(signal.dtype, np.float32))
    if up == down:
        return floating
    resampled: NDArray[Any] = resample_poly(floating, up, down, axis=-1, padtype="line")
    return resampled[..., :n_samples]
