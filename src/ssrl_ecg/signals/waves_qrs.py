"""Onset, R peak and offset of the QRS complex on average beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from ssrl_ecg.signals.beats import Beats
from ssrl_ecg.signals.edges import falls_below, rises_above, slopes
from ssrl_ecg.signals.quantiles import quantile_of_known

_CORE_S = 0.12
_CORE_LEVEL = 0.3
_ONSET_LEVEL, _OFFSET_LEVEL = 0.05, 0.07
_VALLEY_LEVEL, _VALLEY_REACH_S = 0.12, 0.016
"""Where T follows QRS without a pause, the slope never falls below the level: its valley is the boundary then."""
_NOISE_FACTOR = 1.5
_STAY_S = 0.008
_LONGEST_BEFORE_S, _LONGEST_AFTER_S = 0.13, 0.18
_SMALLEST_R = 0.1
"""A positive deflection is an R wave from this part of the negative one's depth on; below, the complex is a QS."""
_LEAD_LEVEL = 0.10
_LEAD_REACH_S = 0.040
_LEAD_WEIGHT = 0.4
_ONSET_BIAS_S, _OFFSET_BIAS_S = -0.006, 0.0027


def find_qrs(beats: Beats) -> NDArray[np.float64]:
    """Find the QRS complex in every lead of every shape.

    The slope of all leads together says when the ventricles begin and end to be active; each lead may then deviate
    from that by a part of what its own slope says.

    Args:
        beats: from ``gather_beats``.

    Returns:
        (lead, shape, 3) onset, R peak and offset in samples from the beat's own R peak. A lead's R peak is its largest
        positive deflection, and the negative one of a QS complex.
    """
    steep = np.abs(slopes(beats.averages))
    together = np.sqrt((steep**2).sum(axis=0))
    n_core, origin = round(_CORE_S * beats.rate_hz), beats.origin
    core = slice(origin - n_core, origin + n_core)
    n_stay = round(_STAY_S * beats.rate_hz)
    found = np.empty((*steep.shape[:2], 3))
    for shape, activity in enumerate(together):
        top = activity[core].max()
        noise = _NOISE_FACTOR * quantile_of_known(activity[beats.seen[shape] > 0], 0.2)
        strong = np.flatnonzero(activity[core] > _CORE_LEVEL * top) + core.start
        level = np.maximum(np.array([_ONSET_LEVEL, _OFFSET_LEVEL]) * top, noise)
        onset = rises_above(activity[None], strong[:1], level[:1], n_stay)[0]
        offset = falls_below(activity[None], strong[-1:], level[1:], n_stay)[0]
        offset = min(offset, _first_valley(activity, strong[-1], _VALLEY_LEVEL * top, beats.rate_hz))
        onset = max(onset, origin - _LONGEST_BEFORE_S * beats.rate_hz)
        offset = min(offset, origin + _LONGEST_AFTER_S * beats.rate_hz)
        found[:, shape] = _in_leads(beats.averages[:, shape], steep[:, shape], onset, offset, beats.rate_hz)
    return found - origin


def _in_leads(
    average: NDArray[np.float32], steep: NDArray[np.float32], onset: float, offset: float, rate_hz: float
) -> NDArray[np.float64]:
    """Let each lead move the common onset and offset towards where its own slope begins and ends."""
    first, last = int(onset), min(int(np.ceil(offset)), average.shape[-1] - 1)
    deflection = average[:, first : last + 1] - average[:, [first]]
    is_r = deflection.max(axis=1) > -_SMALLEST_R * deflection.min(axis=1)
    peak = first + np.where(is_r, deflection.argmax(axis=1), deflection.argmin(axis=1))
    reach = round(_LEAD_REACH_S * rate_hz)
    level = _LEAD_LEVEL * steep[:, first : last + 1].max(axis=1)
    begins = first + _first_above(steep[:, first : first + reach], level)
    ends = last - _first_above(steep[:, last : max(last - reach, 0) : -1], level)
    own_onset = onset + _LEAD_WEIGHT * (begins - onset) + _ONSET_BIAS_S * rate_hz
    own_offset = offset + _LEAD_WEIGHT * (ends - offset) + _OFFSET_BIAS_S * rate_hz
    return np.stack([own_onset, peak, own_offset], axis=1)


def _first_valley(activity: NDArray[np.float32], after: int, level: float, rate_hz: float) -> int:
    """Return the first sample from a strong one on at which activity is low and lowest nearby; the last if none is."""
    lowest = activity <= minimum_filter1d(activity, 2 * round(_VALLEY_REACH_S * rate_hz) + 1, mode="nearest")
    valleys = np.flatnonzero(lowest[after:] & (activity[after:] < level))
    return after + int(valleys[0]) if len(valleys) else len(activity) - 1


def _first_above(activity: NDArray[np.float32], level: NDArray[np.float32]) -> NDArray[np.float64]:
    above = activity > level[:, None]
    return np.where(above.any(axis=1), above.argmax(axis=1), activity.shape[1]).astype(np.float64)
