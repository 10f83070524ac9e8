"""Q, R, S and R' of a QRS complex, lead by lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_WAVE_MV, LEAST_WAVE_S = 0.020, 0.006
"""A deflection counts as a wave from 20 uV and 6 ms on (CSE Working Party, Eur Heart J 1985)."""
_LEAST_SHARE = 0.025
"""And from this share of the lead's highest to lowest voltage on, below which it may be ringing of the recorder."""


@dataclass(frozen=True)
class QRSWaves:
    """Waves of the QRS complex in each lead; all (lead,) float64, NaN where the lead is.

    Depths and heights are magnitudes in mV, 0 where the lead has no such wave. Q is the negative wave before the first
    positive one, S the deepest negative wave after it, R the first positive wave, R' the highest later one. A complex
    without a positive wave is a QS: its depth and duration count both as Q and as S.

    Attributes:
        q_mv, r_mv, s_mv, r_prime_mv: depth or height.
        q_ms, r_ms, s_ms, r_prime_ms: duration.
        r_peak_ms: from the onset of the QRS complex to the peak of its last positive wave (R peak time, also called
            intrinsicoid deflection); NaN without one.
    """

    q_mv: FloatArray
    q_ms: FloatArray
    r_mv: FloatArray
    r_ms: FloatArray
    s_mv: FloatArray
    s_ms: FloatArray
    r_prime_mv: FloatArray
    r_prime_ms: FloatArray
    r_peak_ms: FloatArray


def qrs_waves(qrs_mv: FloatArray, rate_hz: float) -> QRSWaves:
    """Name the waves of QRS complexes.

    Args:
        qrs_mv: (lead, time) from the onset to the offset of the complex, in mV above the level at its onset.
        rate_hz: samples per second.
    """
    n_leads, ms = len(qrs_mv), 1000 / rate_hz
    values = {name: np.zeros(n_leads) for name in QRSWaves.__dataclass_fields__}
    values["r_peak_ms"][:] = np.nan
    for lead, waves in enumerate(_deflections(qrs_mv, rate_hz)):
        up = [wave for wave in waves if wave.peak_mv > 0]
        down = [wave for wave in waves if wave.peak_mv < 0]
        first_up = up[0].peak_sample if up else len(qrs_mv[lead])
        q = [wave for wave in down if wave.peak_sample < first_up]
        s = [wave for wave in down if wave.peak_sample > first_up] if up else down
        for name, found in (("q", q), ("r", up[:1]), ("s", s), ("r_prime", up[1:])):
            if found:
                largest = max(found, key=lambda wave: abs(wave.peak_mv))
                values[f"{name}_mv"][lead], values[f"{name}_ms"][lead] = abs(largest.peak_mv), largest.n_samples * ms
        if up:
            values["r_peak_ms"][lead] = up[-1].peak_sample * ms
    unknown = np.isnan(qrs_mv).any(axis=1)
    return QRSWaves(**{name: np.where(unknown, np.nan, column) for name, column in values.items()})


class _Wave(NamedTuple):
    """A stretch of one sign: its largest value, where that is, and its length."""

    peak_mv: float
    peak_sample: int
    n_samples: int


def _deflections(qrs_mv: FloatArray, rate_hz: float) -> list[list[_Wave]]:
    """Return each lead's waves in order; neighbours of one sign, parted by nothing that is a wave, are one."""
    n_leads, n_samples = qrs_mv.shape
    known_mv = np.nan_to_num(qrs_mv)
    starts_run = np.ones((n_leads, n_samples), dtype=bool)
    starts_run[:, 1:] = np.diff(known_mv > 0, axis=1)
    starts = np.flatnonzero(starts_run)
    lengths = np.diff(starts, append=known_mv.size)
    flat = np.abs(known_mv).ravel()
    least_mv = np.maximum(LEAST_WAVE_MV, _LEAST_SHARE * np.ptp(known_mv, axis=1))[starts // n_samples]
    large = (np.maximum.reduceat(flat, starts) >= least_mv) & (lengths >= LEAST_WAVE_S * rate_hz)
    waves: list[list[_Wave]] = [[] for _ in range(n_leads)]
    for start, length in zip(starts[large].tolist(), lengths[large].tolist(), strict=True):
        lead, first = divmod(start, n_samples)
        peak = first + int(flat[start : start + length].argmax())
        wave = _Wave(float(known_mv[lead, peak]), peak, length)
        if waves[lead] and (waves[lead][-1].peak_mv > 0) == (wave.peak_mv > 0):
            last = waves[lead].pop()
            larger = max(last, wave, key=lambda one: abs(one.peak_mv))
            wave = larger._replace(n_samples=last.n_samples + length)
        waves[lead].append(wave)
    return waves
