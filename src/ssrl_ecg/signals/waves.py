"""P, QRS and T as times and as a mask of samples: one spelling, one order, one way to turn the one into the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError

WAVES = ("p", "qrs", "t")
"""The waves in their order within a beat; in a mask the first is 1, the second 2, the third 3, and nothing is 0."""

MARKS = ("onset", "peak", "offset")
"""The last axis of every (wave, 3) array of times."""

UNMARKED = 255
"""What a mask holds where nobody annotated: no wave, and not the absence of one."""

_PRECEDENCE = ("t", "p", "qrs")
"""Drawn in this order: where waves overlap, QRS wins over P, and P over T."""


def wave_mask(waves_s: Mapping[str, ArrayLike], n_samples: int, sampling_rate_hz: float) -> NDArray[np.uint8]:
    """Return which wave each sample lies in.

    A sample at time t is in a wave when first mark <= t < last mark, whichever of onset, peak and offset are known;
    a wave with a single known mark has no extent and leaves no trace.

    Args:
        waves_s: by name, (wave, 3) onset, peak and offset in s from the first sample, NaN where one is unknown.
        n_samples: length of the mask.
        sampling_rate_hz: samples per second of the mask, which need not be that of the signal the marks come from.

    Returns:
        (time,) 0 nothing, 1 P, 2 QRS, 3 T.

    Raises:
        InputError: a name is none of ``WAVES``, or the times are not (wave, 3).
    """
    mask = np.zeros(n_samples, dtype=np.uint8)
    if not set(waves_s) <= set(WAVES):
        raise InputError("unknown wave", expected=", ".join(WAVES), found=", ".join(waves_s))
    for wave in _PRECEDENCE:
        for first, last in _extents(waves_s.get(wave, ()), sampling_rate_hz):
            mask[max(first, 0) : max(last, 0)] = 1 + WAVES.index(wave)
    return mask


def marked_mask(
    waves_s: Mapping[str, ArrayLike], span_s: tuple[float, float], n_samples: int, sampling_rate_hz: float
) -> NDArray[np.uint8]:
    """Return ``wave_mask`` inside a span (its first moment in, its last out) and ``UNMARKED`` outside.

    Args:
        waves_s: as for ``wave_mask``.
        span_s: from where to where everything was annotated, in s.
        n_samples: length of the mask.
        sampling_rate_hz: samples per second of the mask.
    """
    mask = np.full(n_samples, UNMARKED, dtype=np.uint8)
    first, last = (max(0, int(np.ceil(np.round(end * sampling_rate_hz, 6)))) for end in span_s)
    mask[first:last] = wave_mask(waves_s, n_samples, sampling_rate_hz)[first:last]
    return mask


def without_short_runs(mask: ArrayLike, shortest_samples: int) -> NDArray[np.uint8]:
    """Return a mask whose every run has at least so many samples: shorter ones go to a neighbour, shortest ones first.

    A run goes to the longer of its neighbours, of equally long ones to the earlier. A mask shorter than that is one
    run.

    Args:
        mask: (time,) whole numbers.
        shortest_samples: 1 or less changes nothing.
    """
    cleaned = np.array(mask, dtype=np.uint8)
    while True:
        edges = np.flatnonzero(np.diff(cleaned)) + 1
        first, last = np.append(0, edges), np.append(edges, len(cleaned))
        length = last - first
        run = int(np.argmin(length))
        if len(length) == 1 or length[run] >= shortest_samples:
            return cleaned
        neighbours = [one for one in (run - 1, run + 1) if 0 <= one < len(length)]
        heir = max(neighbours, key=lambda one: (length[one], -one))
        cleaned[first[run] : last[run]] = cleaned[first[heir]]


def waves_from_mask(mask: ArrayLike, sampling_rate_hz: float) -> dict[str, NDArray[np.float64]]:
    """Return the runs of a mask as waves, the inverse of ``wave_mask`` to within one sample.

    Args:
        mask: (time,) 0 nothing, 1 P, 2 QRS, 3 T.
        sampling_rate_hz: its samples per second.

    Returns:
        By name, (wave, 3): onset is the run's first sample, offset the first sample after it, in s; the peak is NaN, as
        are an onset at the first sample and an offset at the end, where a wave is cut off.
    """
    samples = np.asarray(mask)
    edges = np.flatnonzero(np.diff(samples)) + 1
    first, last = np.concatenate([[0], edges]), np.concatenate([edges, [len(samples)]])
    onset_s = np.where(first > 0, first / sampling_rate_hz, np.nan)
    offset_s = np.where(last < len(samples), last / sampling_rate_hz, np.nan)
    runs_s = np.stack([onset_s, np.full(len(first), np.nan), offset_s], axis=1)
    codes = samples[first] if len(samples) else np.zeros(1)
    return {wave: runs_s[codes == code] for code, wave in enumerate(WAVES, start=1)}


def _extents(waves_s: ArrayLike, sampling_rate_hz: float) -> list[list[int]]:
    """Return [first sample, sample after the last] of every wave that has an extent."""
    times_s = np.asarray(waves_s, dtype=np.float64).reshape(-1, len(MARKS)) if np.size(waves_s) else np.zeros((0, 3))
    times_s = times_s[np.isfinite(times_s).any(axis=1)]
    # Rounded: 659 / 500 s must be sample 659 again, not the one after it.
    ends: NDArray[Any] = np.stack([np.nanmin(times_s, axis=1), np.nanmax(times_s, axis=1)], axis=1) * sampling_rate_hz
    return [[int(sample) for sample in pair] for pair in np.ceil(np.round(ends, 6))]
