"""Where the heart beats: QRS complexes from any number of leads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import find_peaks

from ssrl_ecg.signals.conditioning import Conditioned, condition

_DETECTION_BAND_HZ = (6.0, 22.0)
_SMOOTHING_S = 0.10
_REFRACTORY_S = 0.2
_LEVEL_BIN_S = 1.6
_LEVEL_SPAN_BINS = 7
_THRESHOLD = 0.35
_SEARCH_BACK_THRESHOLD = 0.18
_SEARCH_BACK_RR = 1.6


def find_r_peaks(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> NDArray[np.float64]:
    """Find every QRS complex.

    Args:
        signal_mv: (lead, time) in mV, one lead or more; NaN where missing.
        sampling_rate_hz: samples per second, at least 50.

    Returns:
        (beat,) ascending seconds from the record's start; empty where no lead can be used.

    Raises:
        InputError: not (lead, time), or a rate below 50 Hz.
    """
    conditioned = condition(signal_mv, sampling_rate_hz)
    return r_peak_samples(conditioned) / conditioned.rate_hz


def r_peak_samples(conditioned: Conditioned) -> NDArray[np.int64]:
    """Return (beat,) ascending positions of the R peaks at the internal rate."""
    if not conditioned.usable.any():
        return np.empty(0, dtype=np.int64)
    strength = qrs_strength(conditioned)
    at = _candidates(strength, conditioned.rate_hz)
    level = _level(strength, conditioned.rate_hz)
    chosen = at[_accepted(at, strength[at], level[at], conditioned.rate_hz)]
    return _at_largest_deflection(chosen, conditioned)


def qrs_strength(conditioned: Conditioned) -> NDArray[np.float32]:
    """Return (time,) how much the leads together look like a QRS complex: RMS slope over its usual width."""
    slopes = np.gradient(conditioned.band(*_DETECTION_BAND_HZ)[conditioned.usable], axis=-1)
    n_smooth = round(_SMOOTHING_S * conditioned.rate_hz)
    energy = uniform_filter1d((slopes**2).sum(axis=0), n_smooth, mode="nearest")
    energy = uniform_filter1d(energy, n_smooth // 2, mode="nearest")
    strength: NDArray[np.float32] = np.sqrt(np.maximum(energy, 0))
    return strength


def _candidates(strength: NDArray[np.float32], rate_hz: float) -> NDArray[np.int64]:
    return find_peaks(np.concatenate([[0], strength, [0]]), distance=max(1, round(_REFRACTORY_S * rate_hz)))[0] - 1


def _level(strength: NDArray[np.float32], rate_hz: float) -> NDArray[np.float32]:
    """Return (time,) the usual strength of a beat nearby: the median of the maxima of neighbouring bins."""
    n_bin = min(len(strength), round(_LEVEL_BIN_S * rate_hz))
    edges = np.arange(0, len(strength) - n_bin + 1, n_bin)
    maxima = np.maximum.reduceat(strength, edges)
    smooth = median_filter(maxima, size=min(_LEVEL_SPAN_BINS, len(maxima)), mode="nearest")
    return np.interp(np.arange(len(strength)), edges + n_bin / 2, smooth).astype(np.float32)


def _accepted(
    at: NDArray[np.int64], height: NDArray[np.float32], level: NDArray[np.float32], rate_hz: float
) -> NDArray[np.bool_]:
    """Choose beats among candidates: high ones, and where a gap is left, the highest that are high enough there."""
    relative = height / np.maximum(level, 1e-6)
    accepted = relative > _THRESHOLD
    for _ in range(3):
        beats = np.flatnonzero(accepted)
        if len(beats) < 3:
            break
        rr = np.diff(at[beats])
        usual = median_filter(rr, size=9, mode="nearest")
        for k in np.flatnonzero(rr > _SEARCH_BACK_RR * usual):
            between = np.arange(beats[k] + 1, beats[k + 1])
            between = between[
                (relative[between] > _SEARCH_BACK_THRESHOLD)
                & (at[between] - at[beats[k]] > 0.36 * rate_hz)
                & (at[beats[k + 1]] - at[between] > 0.36 * rate_hz)
            ]
            if len(between):
                accepted[between[relative[between].argmax()]] = True
    return accepted


def _at_largest_deflection(at: NDArray[np.int64], conditioned: Conditioned) -> NDArray[np.int64]:
    """Move each beat to the largest deflection of all leads together nearby."""
    leads = conditioned.band(1.0, 40.0)[conditioned.usable]
    size = (leads**2).sum(axis=0)
    reach = round(0.06 * conditioned.rate_hz)
    window = np.clip(at[:, None] + np.arange(-reach, reach + 1), 0, len(size) - 1)
    moved: NDArray[np.int64] = np.unique(window[np.arange(len(at)), size[window].argmax(axis=1)])
    return moved
