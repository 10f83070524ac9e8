"""Where a slope begins and ends: crossings of a level, row by row, between samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d


def smooth(signal: NDArray[np.float32], sd_s: float, rate_hz: float) -> NDArray[np.float32]:
    """Smooth along time with a Gaussian of the given standard deviation."""
    smoothed: NDArray[np.float32] = gaussian_filter1d(signal, sd_s * rate_hz, axis=-1, mode="nearest", truncate=3.0)
    return smoothed


def slopes(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return central differences along time, same shape; zero at both ends."""
    difference = np.zeros_like(signal)
    difference[..., 1:-1] = (signal[..., 2:] - signal[..., :-2]) / 2
    return difference


def falls_below(
    activity: NDArray[np.floating[Any]], start: NDArray[np.int64], level: NDArray[np.floating[Any]], n_stay: int = 1
) -> NDArray[np.float64]:
    """Return, per row, where activity first falls below a level after a start, and stays there for some samples.

    Args:
        activity: (row, time), not negative.
        start: (row,) samples.
        level: (row,) in the unit of the activity.
        n_stay: so many samples in a row have to be below.

    Returns:
        (row,) samples, interpolated linearly between the last above and the first below; the last sample where activity
        never falls.
    """
    n = activity.shape[-1]
    below = activity < level[:, None]
    staying = below.copy()
    for later in range(1, n_stay):
        staying[:, : n - later] &= below[:, later:]
    staying &= np.arange(n) > start[:, None]
    found = np.where(staying.any(axis=1), staying.argmax(axis=1), n - 1)
    rows = np.arange(len(activity))
    above_value, below_value = activity[rows, np.maximum(found - 1, 0)], activity[rows, found]
    part = (above_value - level) / np.maximum(above_value - below_value, 1e-12)
    crossing: NDArray[np.float64] = np.maximum(found - 1, 0) + np.clip(part, 0, 1).astype(np.float64)
    return crossing


def rises_above(
    activity: NDArray[np.floating[Any]], stop: NDArray[np.int64], level: NDArray[np.floating[Any]], n_stay: int = 1
) -> NDArray[np.float64]:
    """Return, per row, where activity last rises above a level before ``stop``: ``falls_below`` in reversed time."""
    last = activity.shape[-1] - 1
    reversed_crossing: NDArray[np.float64] = last - falls_below(activity[:, ::-1], last - stop, level, n_stay)
    return reversed_crossing
