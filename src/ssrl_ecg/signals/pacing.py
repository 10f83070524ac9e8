"""Pacemaker spikes: finding them, and taking them out before waves are looked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST_RATE_HZ = 240.0
"""Below this rate a spike of a millisecond or two cannot be told from a steep R wave, and none is looked for."""

_NARROW_S, _WIDE_S = 0.004, 0.016
_SMALLEST_SUM_MV = 1.0
_TIMES_USUAL = 5.0
"""A spike is so many times higher than all but 2 % of the samples: muscle noise is full of low spikes."""
_WIDE_TO_NARROW = 2.2
_BEFORE_S, _AFTER_S = 0.008, 0.016


def spike_samples(signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.int64]:
    """Find spikes that stand out from both sides and no less so close by than farther away, over all leads together.

    A sample's height is by how much it lies above, or below, the samples a little before and a little after. An R
    wave's height grows with the square of that distance, a spike's does not.

    Args:
        signal_mv: (lead, time) in mV, finite.
        sampling_rate_hz: samples per second.

    Returns:
        (spike,) ascending samples; empty below ``LOWEST_RATE_HZ``.
    """
    narrow, wide = round(_NARROW_S * sampling_rate_hz), round(_WIDE_S * sampling_rate_hz)
    n_time = signal_mv.shape[-1]
    if sampling_rate_hz < LOWEST_RATE_HZ or n_time <= 2 * wide:
        return np.empty(0, dtype=np.int64)
    change = signal_mv[:, narrow:] - signal_mv[:, :-narrow]
    near = _height(change[:, :-narrow], -change[:, narrow:])
    usual = np.partition(near, round(0.98 * (len(near) - 1)))[round(0.98 * (len(near) - 1))]
    tall = narrow + np.flatnonzero(near > max(_SMALLEST_SUM_MV, _TIMES_USUAL * usual))
    tall = tall[(tall >= wide) & (tall < n_time - wide)]
    centre = signal_mv[:, tall]
    far = _height(centre - signal_mv[:, tall - wide], centre - signal_mv[:, tall + wide])
    tall = tall[far < _WIDE_TO_NARROW * near[tall - narrow]]
    groups = np.split(tall, np.flatnonzero(np.diff(tall) > wide) + 1) if len(tall) else []
    return np.array([group[near[group - narrow].argmax()] for group in groups], dtype=np.int64)


def without_spikes(
    signal_mv: NDArray[np.float32], spikes: NDArray[np.int64], sampling_rate_hz: float
) -> NDArray[np.float32]:
    """Return the signal (lead, time) with a straight line in place of each spike."""
    cleaned = signal_mv.copy()
    before, after = round(_BEFORE_S * sampling_rate_hz), round(_AFTER_S * sampling_rate_hz)
    for spike in spikes.tolist():
        first, last = max(spike - before, 0), min(spike + after, signal_mv.shape[-1] - 1)
        part = np.linspace(0, 1, last - first + 1, dtype=np.float32)
        cleaned[:, first : last + 1] = signal_mv[:, [first]] + part * (signal_mv[:, [last]] - signal_mv[:, [first]])
    return cleaned


def _height(rise: NDArray[np.float32], fall: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (time,), summed over leads, how far samples lie above, or below, both of two others."""
    same_side = rise * fall > 0
    height: NDArray[np.float32] = np.minimum(np.abs(rise), np.abs(fall)).sum(axis=0, where=same_side)
    return height
