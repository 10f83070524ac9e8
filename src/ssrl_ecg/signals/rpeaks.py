"""Where the heart beats: QRS complexes from any number of leads.

Every lead's envelope of steep deflections is divided by its usual height at a beat nearby, and the leads are averaged
with more weight on those that stand out from what lies between the beats. So a lead that turns noisy loses its say for
as long as the noise lasts. Peaks of that average that are high enough are beats; in a gap that is long for the rhythm,
lower peaks are beats too (search-back, as in Pan and Tompkins 1985, https://doi.org/10.1109/TBME.1985.325532).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from ssrl_ecg.signals.conditioning import Conditioned, condition

_DETECTION_BAND_HZ = (6.0, 22.0)
_ENVELOPE_S = 0.10
_DECIMATION = 2
"""Envelopes are slow: every second sample says as much."""
_REFRACTORY_S = 0.2
_BIN_S = 1.6
"""Bins of this length hold at least one beat above 38 beats/min."""
_NEIGHBOURING_BINS = 7
_HIGHEST = 1.5
"""Envelopes are limited to so many times their usual height: one lead's artefact cannot outvote the others."""
_THRESHOLD, _THRESHOLD_PER_NOISE, _HIGHEST_THRESHOLD = 0.30, 0.8, 0.45
_SEARCH_BACK_THRESHOLD = 0.25
_LONG_GAP_RR, _NEIGHBOURING_RR = 1.6, 9
_SEARCH_BACK_CLEARANCE_S = 0.36
"""A T wave comes earlier than this after its beat: search-back leaves it alone."""
_ENDS_S = 0.04
"""A peak so close to an end of the recording is the flank of a complex outside it, or of nothing."""
_PEAK_BAND_HZ = (1.0, 40.0)
_PEAK_REACH_S = 0.06
_SMALLEST_QRS_MV = 0.05
"""What deflects all leads together (root of the sum of squares) by less is no QRS complex."""


def find_r_peaks(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> NDArray[np.float64]:
    """Find every QRS complex.

    Args:
        signal_mv: (lead, time) in mV, one lead or more; NaN where missing.
        sampling_rate_hz: samples per second, at least 50.

    Returns:
        (beat,) ascending seconds from the record's start, each at the largest deflection of all leads together; empty
        where no lead can be used.

    Raises:
        InputError: not (lead, time), or a rate below 50 Hz.
    """
    conditioned = condition(signal_mv, sampling_rate_hz)
    return r_peak_samples(conditioned) / conditioned.rate_hz


def r_peak_samples(conditioned: Conditioned) -> NDArray[np.int64]:
    """Return (beat,) ascending positions of the R peaks at the internal rate."""
    rate_hz = conditioned.rate_hz / _DECIMATION
    ends = round(_ENDS_S * rate_hz)
    if not conditioned.usable.any() or conditioned.n_samples < 4 * ends * _DECIMATION:
        return np.empty(0, dtype=np.int64)
    strength = _strength(_envelopes(conditioned), rate_hz)
    at, _ = find_peaks(strength, distance=round(_REFRACTORY_S * rate_hz))
    at = at[(at >= ends) & (at < len(strength) - ends)]
    level, floor = _level_and_floor(strength[None], rate_hz)
    level = np.maximum(level, np.float32(1e-6))
    relative, noise = strength[at] / level[0, at], floor[0, at] / level[0, at]
    return _at_largest_deflection(at[_accepted(at, relative, noise, rate_hz)] * _DECIMATION, conditioned)


def _envelopes(conditioned: Conditioned) -> NDArray[np.float32]:
    """Return (usable lead, time): the root mean square slope over about the width of a QRS complex, decimated."""
    slopes = np.gradient(conditioned.band(*_DETECTION_BAND_HZ)[conditioned.usable], axis=-1)
    n_wide = round(_ENVELOPE_S * conditioned.rate_hz)
    energy = uniform_filter1d(slopes**2, n_wide, axis=-1, mode="nearest")
    energy = uniform_filter1d(energy, n_wide // 2, axis=-1, mode="nearest")
    envelopes: NDArray[np.float32] = np.sqrt(np.maximum(energy[:, ::_DECIMATION], 0))
    return envelopes


def _strength(envelopes: NDArray[np.float32], rate_hz: float) -> NDArray[np.float32]:
    """Return (time,) how much the leads together look like a QRS complex; about 1 at a usual beat."""
    level, floor = _level_and_floor(envelopes, rate_hz)
    level = np.maximum(level, np.float32(1e-6))
    prominence = np.maximum(level / np.maximum(floor, np.float32(1e-6)) - 1, np.float32(1e-3))
    relative = np.minimum(envelopes / level, np.float32(_HIGHEST))
    strength: NDArray[np.float32] = (prominence * relative).sum(axis=0) / prominence.sum(axis=0)
    return strength


def _level_and_floor(envelopes: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (lead, time) heights of the envelope at a usual beat nearby, and between beats.

    These are medians over neighbouring bins of each bin's maximum and of its median.
    """
    n_time = envelopes.shape[-1]
    n_bin = min(n_time, round(_BIN_S * rate_hz))
    n_bins = n_time // n_bin
    bins = envelopes[:, : n_bins * n_bin].reshape(len(envelopes), n_bins, n_bin)
    both = np.stack([bins.max(axis=-1), np.median(bins, axis=-1)])
    both = _running_median(both, min(_NEIGHBOURING_BINS, n_bins))
    position = np.clip((np.arange(n_time, dtype=np.float32) + 0.5) / n_bin - 0.5, 0, n_bins - 1)
    before = position.astype(np.int64)
    after, part = np.minimum(before + 1, n_bins - 1), position - before
    level, floor = both.take(before, axis=-1) * (1 - part) + both.take(after, axis=-1) * part
    return level, floor


def _running_median(values: NDArray[Any], n: int) -> NDArray[Any]:
    """Return the medians of ``n`` neighbours along the last axis, the ends continued (``scipy.ndimage`` for few)."""
    n_values = values.shape[-1]
    neighbours = np.clip(np.arange(n_values)[:, None] + np.arange(n) - n // 2, 0, n_values - 1)
    return np.sort(values[..., neighbours], axis=-1)[..., n // 2]


def _accepted(
    at: NDArray[np.int64], relative: NDArray[np.float32], noise: NDArray[np.float32], rate_hz: float
) -> NDArray[np.bool_]:
    """Choose beats among peaks: high ones, less so where little lies between beats, and the highest in long gaps."""
    accepted: NDArray[np.bool_] = relative > np.minimum(_THRESHOLD + _THRESHOLD_PER_NOISE * noise, _HIGHEST_THRESHOLD)
    eligible, clearance = relative > _SEARCH_BACK_THRESHOLD, _SEARCH_BACK_CLEARANCE_S * rate_hz
    for _ in range(3):
        n_before = np.count_nonzero(accepted)
        beats = np.flatnonzero(accepted)
        if len(beats) < 3:
            break
        rr = np.diff(at[beats])
        for gap in np.flatnonzero(rr > _LONG_GAP_RR * _running_median(rr, _NEIGHBOURING_RR)):
            first, last = beats[gap], beats[gap + 1]
            between = np.arange(first + 1, last)
            clear = (at[between] - at[first] > clearance) & (at[last] - at[between] > clearance)
            between = between[clear & eligible[between]]
            if len(between):
                accepted[between[relative[between].argmax()]] = True
        if np.count_nonzero(accepted) == n_before:
            break
    return accepted


def _at_largest_deflection(at: NDArray[np.int64], conditioned: Conditioned) -> NDArray[np.int64]:
    """Move each beat to the largest deflection of all leads together nearby."""
    leads = conditioned.band(*_PEAK_BAND_HZ)[conditioned.usable]
    size = (leads**2).sum(axis=0)
    reach = round(_PEAK_REACH_S * conditioned.rate_hz)
    window = np.clip(at[:, None] + np.arange(-reach, reach + 1), 0, len(size) - 1)
    moved = np.unique(window[np.arange(len(at)), size[window].argmax(axis=1)])
    large_enough: NDArray[np.int64] = moved[size[moved] > _SMALLEST_QRS_MV**2]
    return large_enough
