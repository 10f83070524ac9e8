"""Onset, peak and offset of the T wave on average beats, and how far each beat's T wave comes early or late."""

from __future__ import annotations

import math
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.beats import Beats, best_shift, unit_vectors
from ssrl_ecg.signals.edges import falls_below, rises_above, slopes, smooth

_SMOOTHING_SD_S = 0.010
_AFTER_QRS_S = 0.055
_LONGEST_QT_S = 0.47
"""Longest time from R peak to the end of T at 60 beats/min; scales with the square root of RR (Bazett)."""
_SHORTEST_ST_T_S = 0.10
_HALF_WAVE_S = 0.22
_ONSET_LEVEL, _OFFSET_LEVEL = 0.50, 0.25
_LEAD_ONSET_LEVEL, _LEAD_OFFSET_LEVEL = 0.35, 0.27
_LEAD_ONSET_REACH_S, _LEAD_OFFSET_REACH_S = 0.01, 0.03
_SMALLEST_MV = 0.004
_LARGEST_SHIFT_S = 0.048
_ONSET_BIAS_S, _OFFSET_BIAS_S = -0.015, -0.001


def find_t(beats: Beats, qrs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the T wave of every beat in every lead.

    The T peak of all leads together is where they are farthest from where they were at QRS onset. T ends where the
    slope after the peak has fallen to a fraction of its steepest, in all leads together and then in each lead around.

    Args:
        beats: from ``gather_beats``.
        qrs: (lead, shape, 3) from ``find_qrs``.

    Returns:
        (lead, beat, 3) onset, peak, offset in samples from the beat's R peak; NaN where no T wave was found.
    """
    found = np.full((len(beats.averages), len(beats.r), 3), np.nan)
    averages = smooth(beats.averages, _SMOOTHING_SD_S, beats.rate_hz)
    rr = np.diff(beats.r, append=2 * beats.r[-1] - beats.r[-2] if len(beats.r) > 1 else beats.r[-1] + 250)
    for shape in range(averages.shape[1]):
        members = np.flatnonzero(beats.shape == shape)
        ends = median(qrs[:, shape, 0]), median(qrs[:, shape, 2])
        first = math.ceil(beats.origin + ends[1] + _AFTER_QRS_S * beats.rate_hz)
        longest = _LONGEST_QT_S * math.sqrt(median(rr[members]) / beats.rate_hz)
        seen_to = int(np.flatnonzero(beats.seen[shape]).max()) + 1
        last = min(seen_to, beats.origin + round(longest * beats.rate_hz))
        if last - first < _SHORTEST_ST_T_S * beats.rate_hz:
            continue
        wave = _t_wave(averages[:, shape, :seen_to], first, last, int(beats.origin + ends[0]), beats.rate_hz)
        shift = _shifts(beats, members, averages[:, shape], first, int(np.nanmax(wave[:, 2], initial=first + 20)))
        found[:, members] = (wave - beats.origin)[:, None, :] + shift
    return found


def _t_wave(leads: NDArray[np.float32], first: int, last: int, reference: int, rate_hz: float) -> NDArray[np.float64]:
    """Return (lead, 3) onset, peak and offset in window samples; NaN in leads whose T wave is too small."""
    slope = slopes(leads)
    together = np.sqrt((slope**2).sum(axis=0))
    size = np.sqrt(((leads - leads[:, [reference]]) ** 2).sum(axis=0))
    half = round(_HALF_WAVE_S * rate_hz)
    peak = first + int(size[first:last].argmax())
    steepest_down = np.array([peak + int(together[peak : peak + half].argmax())])
    earliest = max(first - 5, peak - half)
    steepest_up = np.array([earliest + int(together[earliest : peak + 1].argmax())])
    offset = falls_below(together[None], steepest_down, _OFFSET_LEVEL * together[steepest_down])[0]
    onset = max(rises_above(together[None], steepest_up, _ONSET_LEVEL * together[steepest_up])[0], first - 10)
    begin, end = int(onset), min(int(offset) + 2, leads.shape[-1] - 1)
    chord = np.linspace(0, 1, end - begin + 1, dtype=np.float32) * (leads[:, [end]] - leads[:, [begin]])
    above_chord = leads[:, begin : end + 1] - leads[:, [begin]] - chord
    rows = np.arange(len(leads))
    peaks = np.abs(above_chord).argmax(axis=1)
    height = above_chord[rows, peaks]
    peaks += begin
    time = np.arange(leads.shape[-1])
    down = -np.sign(height)[:, None] * slope
    after = np.where((time >= peaks[:, None]) & (time <= offset + _LEAD_OFFSET_REACH_S * rate_hz), down, 0)
    before = np.where((time <= peaks[:, None]) & (time >= onset - _LEAD_ONSET_REACH_S * rate_hz), -down, 0)
    offsets = falls_below(after, after.argmax(axis=1), _LEAD_OFFSET_LEVEL * after.max(axis=1))
    onsets = rises_above(before, before.argmax(axis=1), _LEAD_ONSET_LEVEL * before.max(axis=1))
    wave = np.stack([onsets + _ONSET_BIAS_S * rate_hz, peaks, offsets + _OFFSET_BIAS_S * rate_hz], axis=1)
    wave[np.abs(height) < _SMALLEST_MV] = np.nan
    return wave


def _shifts(
    beats: Beats, members: NDArray[np.int64], average: NDArray[np.float32], first: int, end: int
) -> NDArray[np.float64]:
    """Return (beat, 1) samples by which the T wave of each beat of a shape comes later than the average's."""
    largest = round(_LARGEST_SHIFT_S * beats.rate_hz)
    stop = min(end + largest, beats.windows.shape[-1] - largest)
    if len(members) < 2 or stop - first < largest:
        return np.zeros((len(members), 1))
    slope = slopes(average)[:, None, first:stop]
    windows = smooth(beats.windows[:, members, first - largest : stop + largest], _SMOOTHING_SD_S, beats.rate_hz)
    pattern = np.repeat(unit_vectors(slope), len(members), axis=0)
    shift, correlation = best_shift(slopes(windows), pattern, largest)
    return np.where(correlation > 0.5, shift, 0)[:, None].astype(np.float64)
