"""Onset, peak and offset of the P wave, and whether there is one: evidence is that beats agree about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.beats import best_shift, unit_vectors
from ssrl_ecg.signals.edges import falls_below, rises_above, slopes, smooth

_SMOOTHING_SD_S = 0.008
_SEARCH_S = 0.32
_BEFORE_QRS_S = 0.012
_LARGEST_SHIFT_S = 0.048
_AGREEMENT = 0.2
"""Least mean correlation of two beats' slopes before QRS."""
_BEAT_AGREEMENT = 0.45
_HALF_WAVE_S = 0.08
_ONSET_LEVEL, _OFFSET_LEVEL, _LEAD_LEVEL = 0.35, 0.50, 0.25
_LEAD_REACH_S = 0.03
_LEAD_WEIGHT = 0.6
_SMALLEST_MV = 0.002
_ONSET_BIAS_S, _OFFSET_BIAS_S = 0.002, -0.011


@dataclass(frozen=True)
class PWaves:
    """P waves of a recording.

    Attributes:
        positions: (lead, beat, 3) onset, peak and offset in samples from the recording's start; NaN where absent.
        problem: why no beat has a P wave; empty where some have.
    """

    positions: NDArray[np.float64]
    problem: str


def find_p(
    leads: NDArray[np.float32], qrs_onset: NDArray[np.float64], t_end: NDArray[np.float64], rate_hz: float
) -> PWaves:
    """Find the P wave before every QRS complex.

    The segments before the QRS onsets are compared with each other. In sinus rhythm they agree; the fibrillating atria
    do not, and their mean is not searched for a P wave. A beat has a P wave if it agrees with the others' mean.

    Args:
        leads: (lead, time) in mV; zeros for unusable leads.
        qrs_onset: (beat,) over all leads, in samples.
        t_end: (beat,) end of the same beat's T wave over all leads, in samples; NaN where unknown.
        rate_hz: samples per second.
    """
    n_search, largest = round(_SEARCH_S * rate_hz), round(_LARGEST_SHIFT_S * rate_hz)
    absent = np.full((len(leads), len(qrs_onset), 3), np.nan)
    stop = np.rint(qrs_onset).astype(np.int64) - round(_BEFORE_QRS_S * rate_hz)
    inside = (stop - n_search >= 0) & (stop < leads.shape[-1])
    free = np.full(len(stop), n_search)
    known = np.flatnonzero(np.isfinite(t_end[:-1]))
    free[known + 1] = np.clip(stop[known + 1] - np.ceil(t_end[known]), 0, n_search)
    if inside.sum() < 2:
        return PWaves(absent, "too few beats to tell P waves from noise")
    room = int(np.median(free[inside]))
    if room < 2 * _LEAD_REACH_S * rate_hz + _HALF_WAVE_S * rate_hz:
        return PWaves(absent, "P waves lie within T waves")
    index = np.clip(
        stop[:, None] + np.arange(-room - largest, largest), np.maximum(stop - free, 0)[:, None], stop[:, None]
    )
    windows = smooth(leads[:, np.clip(index, 0, leads.shape[-1] - 1)], _SMOOTHING_SD_S, rate_hz)
    slope = slopes(windows)
    units = unit_vectors(slope[:, :, largest:-largest])
    good = inside & (free > 0.5 * room)
    n_good = max(int(np.count_nonzero(good)), 2)
    together = ((units[good].sum(axis=0) ** 2).sum() - n_good) / (n_good * (n_good - 1))
    shift: NDArray[np.int64] = np.zeros(len(stop), dtype=np.int64)
    agreement: NDArray[np.floating[Any]] = np.zeros(len(stop))
    for _ in range(2):
        total = units[good].sum(axis=0)
        others = total - units * good[:, None]
        pattern = others / np.maximum(np.linalg.norm(others, axis=1, keepdims=True), 1e-9)
        shift, agreement = best_shift(slope, pattern, largest)
        units = _moved(slope, shift, largest)
    if together < _AGREEMENT:
        return PWaves(absent, "no P waves: what precedes the QRS complexes differs from beat to beat")
    has_p = inside & (agreement > _BEAT_AGREEMENT)
    if not has_p.any():
        return PWaves(absent, "no P waves: no beat agrees with the others")
    index = largest + np.arange(room) + shift[:, None]
    average = windows[:, np.arange(len(stop))[:, None], index][:, has_p].mean(axis=1)
    wave = _p_wave(average, rate_hz)
    positions = wave[:, None, :] + (stop - room + shift)[:, None]
    positions[:, ~has_p] = np.nan
    return PWaves(positions, "")


def _moved(slope: NDArray[np.float32], shift: NDArray[np.int64], largest: int) -> NDArray[np.float32]:
    n = slope.shape[-1] - 2 * largest
    index = largest + np.arange(n) + shift[:, None]
    return unit_vectors(slope[:, np.arange(slope.shape[1])[:, None], index])


def _p_wave(average: NDArray[np.float32], rate_hz: float) -> NDArray[np.float64]:
    """Return (lead, 3) onset, peak and offset in samples of the average; NaN in leads whose P wave is too small."""
    n = average.shape[-1]
    slope = slopes(average)
    together = np.sqrt((slope**2).sum(axis=0))
    line = np.linspace(0, 1, n, dtype=np.float32)
    size = np.sqrt(((average - average[:, :1] - line * (average[:, -1:] - average[:, :1])) ** 2).sum(axis=0))
    half, reach = round(_HALF_WAVE_S * rate_hz), round(_LEAD_REACH_S * rate_hz)
    peak = int(size.argmax())
    earliest = max(peak - half, 0)
    up = np.array([earliest + int(together[earliest : peak + 1].argmax())])
    down = np.array([peak + int(together[peak : peak + half].argmax())])
    onset = rises_above(together[None], up, _ONSET_LEVEL * together[up])[0]
    offset = falls_below(together[None], down, _OFFSET_LEVEL * together[down])[0]
    begin, end = max(int(onset), 0), min(int(np.ceil(offset)), n - 1)
    chord = np.linspace(0, 1, end - begin + 1, dtype=np.float32) * (average[:, [end]] - average[:, [begin]])
    above_chord = average[:, begin : end + 1] - average[:, [begin]] - chord
    peaks = np.abs(above_chord).argmax(axis=1)
    height = above_chord[np.arange(len(average)), peaks]
    steep, time = np.abs(slope), np.arange(n)
    near = np.where((time >= onset - reach) & (time <= offset + reach), steep, 0)
    level = _LEAD_LEVEL * near.max(axis=1)
    above = near > level[:, None]
    begins = np.clip(above.argmax(axis=1), onset - reach, onset + reach)
    ends = np.clip(n - 1 - above[:, ::-1].argmax(axis=1), offset - reach, offset + reach)
    wave = np.stack(
        [
            onset + _LEAD_WEIGHT * (begins - onset) + _ONSET_BIAS_S * rate_hz,
            begin + peaks,
            offset + _LEAD_WEIGHT * (ends - offset) + _OFFSET_BIAS_S * rate_hz,
        ],
        axis=1,
    )
    wave[np.abs(height) < _SMALLEST_MV] = np.nan
    return wave
