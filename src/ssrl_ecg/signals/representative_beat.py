"""The representative beat: the median of a recording's normal beats, on which waves are measured with less noise.

Electrocardiographs measure amplitudes on such a beat rather than on single ones, because noise that is not locked to
the heart falls with the square root of the number of beats (AHA/ACC/HRS recommendations part I, Kligfield et al.,
Circulation 2007). Voltages count from the level just before the QRS complex, its onset being the reference of the CSE
Working Party (Eur Heart J 1985); between beats that level is followed linearly, which takes baseline wander away
without a filter that would bend the ST segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ssrl_ecg.signals.delineation import FIDUCIALS, Delineation
from ssrl_ecg.signals.leads import LEADS

FloatArray = NDArray[np.float64]

_LEAST_RATE_HZ = 500.0
"""Peaks are read at this rate or the next multiple of the recording's: AHA's minimum for recording (2007)."""
_LEVEL_S = (-0.024, -0.004)
"""Where the level before the QRS complex is read, relative to its onset: behind the P wave, before the first slope."""
_NOISE_STRIDE = 8
_MARGIN_S = 0.03
_WITHOUT_P_S, _WITHOUT_T_S = -0.15, 0.45
P_ONSET, P_PEAK, P_OFFSET, QRS_ONSET, R_PEAK, QRS_OFFSET, T_ONSET, T_PEAK, T_OFFSET = range(len(FIDUCIALS))


@dataclass(frozen=True)
class RepresentativeBeat:
    """The median of a recording's normal beats.

    Attributes:
        signal_mv: (12, time) in mV above the level before the QRS complex; NaN in unusable leads, and where no beat
            reached into the recording.
        rate_hz: samples per second, a multiple of the recording's rate, at least 500.
        start_s: time of the first sample, relative to the R peak (negative).
        fiducials_s: (9,) in the order of ``FIDUCIALS``, relative to the R peak; NaN where a wave is absent.
        beats: (n,) positions in the delineation of the beats it was made of.
        noise_mv: (12,) SD of these beats about the median; NaN for one beat.
    """

    signal_mv: FloatArray
    rate_hz: float
    start_s: float
    fiducials_s: FloatArray
    beats: NDArray[np.int64]
    noise_mv: FloatArray

    def sample(self, time_s: float) -> int:
        """Return the sample nearest to a time relative to the R peak, held within the beat."""
        last: int = self.signal_mv.shape[1] - 1
        return min(max(round((time_s - self.start_s) * self.rate_hz), 0), last)

    def between(self, from_s: float, to_s: float) -> FloatArray:
        """Return (12, time) from one time to another, both relative to the R peak, both included."""
        return self.signal_mv[:, self.sample(from_s) : self.sample(to_s) + 1]


def representative_beat(
    signal_mv: NDArray[np.floating], sampling_rate_hz: float, delineation: Delineation
) -> RepresentativeBeat | None:
    """Make the median beat of a recording.

    Beats that are neither ectopic nor paced and lie wholly within the recording are used; if there are none, the
    least bad that there are: cut normal beats, else all. Missing samples of usable leads are bridged linearly.

    Args:
        signal_mv: (12, time) canonical leads in mV; NaN allowed.
        sampling_rate_hz: samples per second.
        delineation: where the waves are.

    Returns:
        The beat, or None where no beat was found.
    """
    if len(delineation.overall_s) == 0:
        return None
    fine_mv, rate_hz = _fine(signal_mv, sampling_rate_hz, delineation.usable)
    is_normal = ~(delineation.ectopic | delineation.paced)
    normal = np.flatnonzero(is_normal if is_normal.any() else np.ones_like(is_normal))
    fiducials_s = _typical_fiducials(delineation.overall_s[normal])
    start_s, stop_s = _extent(fiducials_s)
    r_s = delineation.overall_s[normal, R_PEAK]
    whole = (r_s + start_s >= 0) & (r_s + stop_s <= delineation.duration_s - 1 / rate_hz)
    used = whole if whole.any() else np.ones_like(whole)
    onset_s = delineation.overall_s[normal, QRS_ONSET]
    onset_s = np.where(np.isnan(onset_s), r_s + fiducials_s[QRS_ONSET], onset_s)
    first = np.rint((r_s[used] + start_s) * rate_hz).astype(np.int64)
    samples = first[:, None] + np.arange(math.ceil((stop_s - start_s) * rate_hz) + 1)
    beats_mv = _above_level(fine_mv, rate_hz, samples, onset_s)
    median_mv = _median(beats_mv)
    noise_mv = _noise(beats_mv, median_mv)
    median_mv[~delineation.usable] = np.nan
    return RepresentativeBeat(median_mv.astype(np.float64), rate_hz, start_s, fiducials_s, normal[used], noise_mv)


def _fine(
    signal_mv: NDArray[np.floating], sampling_rate_hz: float, usable: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """Return the leads at the least multiple of their rate that is at least 500 Hz; unusable leads are zero.

    Interpolation fills the spectrum with zeros; the line through both ends is taken off first, so that the ends meet.
    """
    signal: NDArray[np.float32] = np.where(usable[:, None], signal_mv, 0).astype(np.float32)
    for lead in np.flatnonzero(~np.isfinite(signal).all(axis=1)):
        known = np.isfinite(signal[lead])
        at = np.arange(signal.shape[1])
        signal[lead] = np.interp(at, at[known], signal[lead, known])
    factor = max(1, math.ceil(_LEAST_RATE_HZ / sampling_rate_hz))
    if factor == 1:
        return signal, sampling_rate_hz
    n_samples = signal.shape[1]
    slope = (signal[:, -1:] - signal[:, :1]) / max(n_samples - 1, 1)
    line = signal[:, :1] + slope * np.arange(n_samples, dtype=np.float32)
    fine: NDArray[np.float32] = fft.irfft(fft.rfft(signal - line, axis=1), factor * n_samples, axis=1) * np.float32(
        factor
    )
    fine += signal[:, :1] + slope * (np.arange(factor * n_samples, dtype=np.float32) / np.float32(factor))
    return fine[:, : factor * (n_samples - 1) + 1], factor * sampling_rate_hz


def _typical_fiducials(overall_s: FloatArray) -> FloatArray:
    """Return the median of each fiducial relative to R, NaN where fewer than half of the beats have it."""
    relative_s = overall_s - overall_s[:, R_PEAK, None]
    known = np.isfinite(relative_s)
    ordered = np.sort(relative_s, axis=0)  # NaN last
    count = known.sum(axis=0)
    columns = np.arange(relative_s.shape[1])
    middle = (
        ordered[np.maximum(count - 1, 0) // 2, columns] + ordered[np.minimum(count // 2, len(ordered) - 1), columns]
    ) / 2
    return np.where(2 * count >= len(relative_s), middle, np.nan)


def _extent(fiducials_s: FloatArray) -> tuple[float, float]:
    """Return from where to where the beat reaches, relative to R: all its waves and a margin."""
    first_s, last_s = fiducials_s[P_ONSET], fiducials_s[T_OFFSET]
    start_s = first_s - _MARGIN_S if np.isfinite(first_s) else _WITHOUT_P_S
    stop_s = last_s + _MARGIN_S if np.isfinite(last_s) else _WITHOUT_T_S
    return float(start_s), float(stop_s)


def _above_level(
    fine_mv: NDArray[np.float32], rate_hz: float, samples: NDArray[np.int64], onset_s: FloatArray
) -> NDArray[np.float32]:
    """Cut beats (12, beat, time) out and take off the line from each normal beat's level to the next one's."""
    last = fine_mv.shape[1] - 1
    onset = onset_s * rate_hz
    offsets = np.arange(math.floor(_LEVEL_S[0] * rate_hz), math.ceil(_LEVEL_S[1] * rate_hz) + 1)
    at = np.clip(np.rint(onset).astype(np.int64)[:, None] + offsets, 0, last)
    level = fine_mv[:, at].mean(axis=2)
    middle = onset + offsets.mean()
    cut = fine_mv[:, np.clip(samples, 0, last)]
    outside = (samples < 0) | (samples > last)
    if outside.any():
        cut[:, outside] = np.nan
    if len(middle) == 1:
        cut -= level[:, :, None]
        return cut
    before = np.clip(np.searchsorted(middle, samples) - 1, 0, len(middle) - 2)
    weight = np.clip((samples - middle[before]) / (middle[before + 1] - middle[before]), 0, 1).astype(np.float32)
    cut -= level[:, before] + weight * np.diff(level, axis=1)[:, before]
    return cut


def _median(beats_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over beats of (12, beat, time); sorting is several times faster than ``np.median`` here."""
    median: NDArray[np.float32]
    if np.isfinite(beats_mv).all():
        n_beats = beats_mv.shape[1]
        ordered = np.sort(beats_mv, axis=1)
        median = (ordered[:, (n_beats - 1) // 2] + ordered[:, n_beats // 2]) / 2
    else:  # beats that reach beyond the recording: NaN only where all of them do
        known = np.isfinite(beats_mv).any(axis=1)
        median = np.nanmedian(np.where(known[:, None], beats_mv, 0), axis=1)
        median[~known] = np.nan
    return median


def _noise(beats_mv: NDArray[np.float32], median_mv: NDArray[np.float32]) -> FloatArray:
    """Return each lead's SD of the beats about their median: the median over the beat's course, NaN for one beat."""
    if beats_mv.shape[1] == 1:
        return np.full(len(beats_mv), np.nan)
    every = slice(None, None, _NOISE_STRIDE)
    variance = np.square(beats_mv[:, :, every] - median_mv[:, None, every]).mean(axis=1)
    return np.sqrt(np.nanmedian(variance, axis=1)).astype(np.float64)
