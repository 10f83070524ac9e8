"""Onset, peak and offset of the P wave, and whether there is one: evidence is that beats agree about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.beats import best_shift, sizes_at_shifts, unit_vectors
from ssrl_ecg.signals.edges import falls_below, rises_above, slopes, smooth
from ssrl_ecg.signals.quantiles import median_of_known

_SMOOTHING_SD_S = 0.008
_SEARCH_S = 0.32
_BEFORE_QRS_S = 0.012
_LARGEST_SHIFT_S = 0.048
_AGREEMENT, _AGREEMENT_IF_IRREGULAR = 0.20, 0.25
"""Least mean correlation of two beats' slopes before QRS; more is asked for where fibrillation is likely."""
_IRREGULAR = 0.1
"""Rhythms whose successive intervals differ by more than this part (medians) are irregular."""
_BEAT_AGREEMENT = 0.45
_HALF_WAVE_S = 0.08
_ONSET_LEVEL, _OFFSET_LEVEL, _LEAD_LEVEL = 0.35, 0.50, 0.25
_LEAD_REACH_S = 0.03
_LEAD_WEIGHT = 0.6
_SMALLEST_MV = 0.002
_LONGEST_S = 0.20
"""What lasts longer is a flutter wave, or two waves."""
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
    do not, and their mean is not searched for a P wave. A beat has a P wave if it agrees with the others' mean. Of 119
    recordings of PTB-XL's training folds with atrial fibrillation or flutter 3 keep P waves in most beats, regular ones
    among them; asking also that PR be constant would take them away from more recordings in sinus rhythm.

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
    if together < (_AGREEMENT_IF_IRREGULAR if _is_irregular(qrs_onset) else _AGREEMENT):
        return PWaves(absent, "no P waves: what precedes the QRS complexes differs from beat to beat")
    shift, agreement = _aligned(slope, units, good, largest)
    has_p = inside & (agreement > _BEAT_AGREEMENT)
    if not has_p.any():
        return PWaves(absent, "no P waves: no beat agrees with the others")
    index = largest + np.arange(room) + shift[:, None]
    average = windows[:, np.arange(len(stop))[:, None], index][:, has_p].mean(axis=1)
    wave = _p_wave(average, rate_hz)
    if median_of_known(wave[:, 2] - wave[:, 0]) > _LONGEST_S * rate_hz:
        return PWaves(absent, "no P waves: what precedes the QRS complexes lasts too long")
    positions = wave[:, None, :] + (stop - room + shift)[:, None]
    positions[:, ~has_p] = np.nan
    return PWaves(positions, "")


def _is_irregular(qrs_onset: NDArray[np.float64]) -> bool:
    rr = np.diff(qrs_onset)
    return len(rr) > 1 and bool(np.median(np.abs(np.diff(rr))) > _IRREGULAR * np.median(rr))


def _aligned(
    slope: NDArray[np.float32], units: NDArray[np.float32], good: NDArray[np.bool_], largest: int
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Return (beat,) by how much each beat is late, and how well it then correlates with the mean of the others.

    Two rounds: the mean that a beat is compared with is sharper once its beats are in line.
    """
    sizes = sizes_at_shifts(slope, largest)
    n = slope.shape[-1] - 2 * largest
    shift, _ = best_shift(slope, _mean_of_others(units, good), largest, sizes)
    index = largest + np.arange(n) + shift[:, None]
    units = unit_vectors(slope[:, np.arange(slope.shape[1])[:, None], index])
    return best_shift(slope, _mean_of_others(units, good), largest, sizes)


def _mean_of_others(units: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
    others = units[good].sum(axis=0) - units * good[:, None]
    mean: NDArray[np.float32] = others / np.maximum(np.linalg.norm(others, axis=1, keepdims=True), np.float32(1e-9))
    return mean


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
