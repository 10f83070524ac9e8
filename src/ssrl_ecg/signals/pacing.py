"""Pacemaker spikes: finding them, and taking them out before waves are looked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST_RATE_HZ = 240.0
"""Below this rate a spike of a millisecond or two cannot be told from a steep R wave, and none is looked for."""

_NARROW_S, _WIDE_S = 0.004, 0.016
_SMALLEST_SUM_MV = 0.5
_WIDE_TO_NARROW = 1.6
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
    if sampling_rate_hz < LOWEST_RATE_HZ or signal_mv.shape[-1] <= 2 * wide:
        return np.empty(0, dtype=np.int64)
    near, far = _height(signal_mv, narrow, wide), _height(signal_mv, wide, wide)
    tall = np.flatnonzero((near > _SMALLEST_SUM_MV) & (far < _WIDE_TO_NARROW * near))
    if not len(tall):
        return tall
    groups = np.split(tall, np.flatnonzero(np.diff(tall) > wide) + 1)
    return wide + np.array([group[near[group].argmax()] for group in groups])


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


def _height(signal_mv: NDArray[np.float32], distance: int, margin: int) -> NDArray[np.float32]:
    """Return (time - 2 * margin,): the leads' heights above or below both neighbours at a distance, summed."""
    last = signal_mv.shape[-1] - margin
    centre = signal_mv[:, margin:last]
    rise = centre - signal_mv[:, margin - distance : last - distance]
    fall = centre - signal_mv[:, margin + distance : last + distance]
    above = np.maximum(np.minimum(rise, fall), np.minimum(-rise, -fall))
    height: NDArray[np.float32] = np.maximum(above, 0).sum(axis=0)
    return height
