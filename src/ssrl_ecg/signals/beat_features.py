"""What single beats look like: numbers read at fixed distances from each R peak, without delineation.

They serve to tell how alike two beats are, not to diagnose: a window at a fixed distance misses a wave that comes early
or late, but it is there for every beat, also where waves cannot be told apart. Voltages are those of the
vectorcardiogram, so that three numbers stand for twelve leads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.beats import cut
from ssrl_ecg.signals.conditioning import condition
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.rpeaks import r_peak_samples
from ssrl_ecg.signals.vcg import leads_to_vcg

_BAND_HZ = (0.5, 40.0)
_LEVEL_S = (-0.08, -0.06)
"""Voltages count from here: behind most P waves, before most QRS complexes."""
_WINDOWS_S = {
    "p": (-0.20, -0.10),
    "qrs_initial": (-0.05, -0.015),
    "qrs": (-0.06, 0.08),
    "qrs_terminal": (0.03, 0.06),
    "st": (0.10, 0.14),
    "t": (0.20, 0.36),
}
"""From where to where, relative to the R peak, voltages are averaged: where these parts lie at usual rates."""
_WIDE_QRS_S = (-0.12, 0.16)
_FAST = 0.2
"""The QRS complex lasts while the vector's tip moves faster than this part of its highest speed."""

RHYTHM_FEATURES = ("rr_before_s", "rr_after_s", "prematurity")
"""Intervals to the neighbouring beats in s, and the one before over the median interval of the recording."""
MORPHOLOGY_FEATURES = (
    *(f"{part}_{axis}_mv" for part in _WINDOWS_S for axis in "xyz"),
    "qrs_vector_mv",
    "qrs_width_ms",
)
"""Mean X, Y and Z of each part in mV, the longest vector near R in mV, and how long its tip moves fast in ms."""
BEAT_FEATURES = (*RHYTHM_FEATURES, *MORPHOLOGY_FEATURES)
"""Names of what ``describe_beats`` returns, in order."""


class DescribedBeats(NamedTuple):
    """The beats of a recording.

    Attributes:
        r_peaks_s: (beat,) ascending seconds from the record's start, as ``find_r_peaks`` finds them.
        features: (beat, feature) in the order of ``BEAT_FEATURES``; NaN where the window leaves the recording or there
            is no neighbour.
    """

    r_peaks_s: NDArray[np.float64]
    features: NDArray[np.float64]


def describe_beats(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> DescribedBeats:
    """Find the R peaks of a recording and describe its beats.

    Args:
        signal_mv: (12, time) in mV, leads in the order of ``LEADS``; NaN where missing. Leads that cannot be used count
            as zero.
        sampling_rate_hz: samples per second, at least 50.

    Raises:
        InputError: not (12, time), or a rate below 50 Hz.
    """
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS):
        raise InputError("not twelve leads", field="signal_mv", expected="(12, time)", found=signal_mv.shape)
    conditioned = condition(signal_mv, sampling_rate_hz)
    r, rate_hz = r_peak_samples(conditioned), conditioned.rate_hz
    vcg_mv = leads_to_vcg(conditioned.band(*_BAND_HZ))
    features = np.column_stack([_rhythm(r / rate_hz), _morphology(vcg_mv, r, rate_hz)])
    return DescribedBeats(r / rate_hz, features)


def _rhythm(r_peaks_s: NDArray[np.float64]) -> NDArray[np.float64]:
    rr_s = np.diff(r_peaks_s)
    before, after = np.append(np.nan, rr_s), np.append(rr_s, np.nan)
    usual_s = np.median(rr_s) if len(rr_s) else np.nan
    n_beats = len(r_peaks_s)
    return np.column_stack([before[:n_beats], after[:n_beats], before[:n_beats] / usual_s])


def _morphology(vcg_mv: NDArray[np.float32], r: NDArray[np.int64], rate_hz: float) -> NDArray[np.float64]:
    level = _window(vcg_mv, r, _LEVEL_S, rate_hz).mean(axis=-1, keepdims=True)
    means = [(_window(vcg_mv, r, span_s, rate_hz) - level).mean(axis=-1).T for span_s in _WINDOWS_S.values()]
    wide = _window(vcg_mv, r, _WIDE_QRS_S, rate_hz) - level
    speed = np.linalg.norm(np.diff(wide, axis=-1), axis=0)
    fastest = speed.max(axis=-1, keepdims=True)
    width_ms = np.where(np.isnan(fastest[:, 0]), np.nan, 1000 / rate_hz * (speed > _FAST * fastest).sum(axis=-1))
    return np.column_stack([*means, np.linalg.norm(wide, axis=0).max(axis=-1), width_ms]).astype(np.float64)


def _window(
    vcg_mv: NDArray[np.float32], r: NDArray[np.int64], span_s: tuple[float, float], rate_hz: float
) -> NDArray[np.float32]:
    """Return (3, beat, time) from one time to another about each R peak; NaN for beats where that is not all there."""
    start, stop = round(span_s[0] * rate_hz), round(span_s[1] * rate_hz) + 1
    inside = (r + start >= 0) & (r + stop <= vcg_mv.shape[-1])
    windows: NDArray[np.float32] = np.where(inside[:, None], cut(vcg_mv, r, start, stop), np.float32(np.nan))
    return windows
