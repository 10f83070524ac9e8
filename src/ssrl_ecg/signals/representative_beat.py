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
from ssrl_ecg.signals.quantiles import median_of_known

FloatArray = NDArray[np.float64]

_LEAST_RATE_HZ = 500.0
"""Peaks are read at this rate or the next multiple of the recording's: AHA's minimum for recording (2007)."""
_LEVEL_S = (-0.024, -0.004)
"""Where the level before the QRS complex is read, relative to its onset: behind the P wave, before the first slope."""
_USUAL_ONSET_S = -0.045
"""Onset of the QRS complex relative to R where no beat tells it."""
_NOISE_STRIDE = 8
"""Noise is read at every eighth sample, which is enough for an SD."""
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
    usable = delineation.usable & np.isfinite(signal_mv).any(axis=1)
    fine_mv, rate_hz = _fine(signal_mv, sampling_rate_hz, usable)
    is_normal = ~(delineation.ectopic | delineation.paced)
    normal = np.flatnonzero(is_normal if is_normal.any() else np.ones_like(is_normal))
    fiducials_s = _typical_fiducials(delineation.overall_s[normal])
    start_s, stop_s = _extent(fiducials_s)
    r_s = delineation.overall_s[normal, R_PEAK]
    whole = (r_s + start_s >= 0) & (r_s + stop_s <= delineation.duration_s - 1 / rate_hz)
    used = whole if whole.any() else np.ones_like(whole)
    onset_s = delineation.overall_s[normal, QRS_ONSET]
    usual_s = fiducials_s[QRS_ONSET] if np.isfinite(fiducials_s[QRS_ONSET]) else _USUAL_ONSET_S
    onset = np.where(np.isnan(onset_s), r_s + usual_s, onset_s) * rate_hz
    first = np.rint((r_s[used] + start_s) * rate_hz).astype(np.int64)
    beats_mv = _cut(fine_mv, first, math.ceil((stop_s - start_s) * rate_hz) + 1)
    beats_mv -= _level(fine_mv, rate_hz, onset, np.flatnonzero(used), first, beats_mv.shape[2])
    median_mv = _median(beats_mv)
    noise_mv = _noise(beats_mv, median_mv)
    median_mv[~usable] = np.nan
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
        signal[lead] = np.interp(at, at[known], signal[lead, known]).astype(np.float32)
    factor = max(1, math.ceil(_LEAST_RATE_HZ / sampling_rate_hz))
    if factor == 1:
        return signal, sampling_rate_hz
    n_samples = signal.shape[1]
    coarse, finer = (np.arange(k * n_samples, dtype=np.float32) / np.float32(k) for k in (1, factor))
    start, slope = signal[:, :1], (signal[:, -1:] - signal[:, :1]) / np.float32(max(n_samples - 1, 1))
    spectrum = fft.rfft(signal - (start + slope * coarse))
    fine: NDArray[np.float32] = fft.irfft(spectrum, factor * n_samples).astype(np.float32)
    fine *= factor
    fine += start + slope * finer
    return fine[:, : factor * (n_samples - 1) + 1], factor * sampling_rate_hz


def _typical_fiducials(overall_s: FloatArray) -> FloatArray:
    """Return the median of each fiducial relative to R, NaN where fewer than half of the beats have it."""
    relative_s = overall_s - overall_s[:, R_PEAK, None]
    is_typical = 2 * np.isfinite(relative_s).sum(axis=0) >= len(relative_s)
    return np.where(is_typical, median_of_known(relative_s), np.nan)


def _extent(fiducials_s: FloatArray) -> tuple[float, float]:
    """Return from where to where the beat reaches, relative to R: all its waves and a margin."""
    first_s, last_s = fiducials_s[P_ONSET], fiducials_s[T_OFFSET]
    start_s = first_s - _MARGIN_S if np.isfinite(first_s) else _WITHOUT_P_S
    stop_s = last_s + _MARGIN_S if np.isfinite(last_s) else _WITHOUT_T_S
    return float(start_s), float(stop_s)


def _cut(fine_mv: NDArray[np.float32], first: NDArray[np.int64], n_samples: int) -> NDArray[np.float32]:
    """Return (beat, 12, n_samples) from each first sample on, NaN beyond the recording."""
    before, after = max(0, -first.min()), max(0, first.max() + n_samples - fine_mv.shape[1])
    if before or after:
        fine_mv = np.pad(fine_mv, ((0, 0), (before, after)), constant_values=np.nan)
    return np.stack([fine_mv[:, start : start + n_samples] for start in (first + before).tolist()])


def _level(
    fine_mv: NDArray[np.float32],
    rate_hz: float,
    onset: FloatArray,
    used: NDArray[np.int64],
    first: NDArray[np.int64],
    n_samples: int,
) -> NDArray[np.float32]:
    """Return the baseline (beat, 12, n_samples) of the used beats: lines from level to level before QRS complexes.

    The first and the last line are continued to the recording's ends; a single beat has a level and no slope.

    Args:
        fine_mv: (12, time).
        rate_hz: its rate.
        onset: (n,) QRS onsets of all normal beats, in samples.
        used: (beat,) which of them are cut out.
        first: (beat,) first sample of each cut.
        n_samples: length of the cuts.
    """
    offsets = np.arange(math.floor(_LEVEL_S[0] * rate_hz), math.ceil(_LEVEL_S[1] * rate_hz) + 1)
    at = np.clip(np.rint(onset).astype(np.int64)[:, None] + offsets, 0, fine_mv.shape[1] - 1)
    level, middle = fine_mv[:, at].mean(axis=2), at.mean(axis=1)
    slope = np.diff(level, axis=1) / np.diff(middle)
    if len(middle) > 1:
        slope = slope[:, np.clip(np.arange(-1, len(middle)), 0, len(middle) - 2)]
    else:
        slope = np.zeros((len(level), 2))
    since = first[:, None] + np.arange(n_samples) - middle[used, None]
    ramps = np.stack([np.minimum(since, 0), np.maximum(since, 0)], axis=1).astype(np.float32)
    slopes = np.stack([slope[:, used], slope[:, used + 1]], axis=2).astype(np.float32)
    return np.asarray(slopes.transpose(1, 0, 2) @ ramps + level.T[used][:, :, None])


def _median(beats_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over beats of (beat, 12, time); NaN where all beats reach beyond the recording."""
    if not np.isfinite(beats_mv[:, 0]).all():
        return median_of_known(beats_mv.astype(np.float64)).astype(np.float32)
    n_beats = len(beats_mv)
    ordered = np.sort(beats_mv, axis=0)
    median: NDArray[np.float32] = (ordered[(n_beats - 1) // 2] + ordered[n_beats // 2]) / 2
    return median


def _noise(beats_mv: NDArray[np.float32], median_mv: NDArray[np.float32]) -> FloatArray:
    """Return each lead's SD of the beats about their median: the median over the beat's course, NaN for one beat."""
    if len(beats_mv) == 1:
        return np.full(len(median_mv), np.nan)
    variance = np.square(beats_mv[..., ::_NOISE_STRIDE] - median_mv[:, ::_NOISE_STRIDE]).mean(axis=0)
    return np.sqrt(median_of_known(variance.T.astype(np.float64)))
