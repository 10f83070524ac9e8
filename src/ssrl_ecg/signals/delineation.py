"""Where the P wave, QRS complex and T wave of every beat begin, peak and end, in every lead and over all leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.conditioning import condition
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.rpeaks import r_peak_samples

FIDUCIALS = ("p_onset", "p_peak", "p_offset", "qrs_onset", "r_peak", "qrs_offset", "t_onset", "t_peak", "t_offset")
"""The nine instants of a beat, in the order of the last axis of ``Delineation.leads_s`` and ``overall_s``."""


@dataclass(frozen=True)
class Delineation:
    """Where the waves of one recording begin, peak and end.

    A beat is every detected QRS complex; beats cut by the record's start or end keep what can be seen of them.

    Attributes:
        sampling_rate_hz: rate of the signal it was found in.
        duration_s: length of that signal.
        leads_s: (12, beat, 9) seconds from the record's start, last axis ``FIDUCIALS``; NaN where a wave is absent, was
            not found, or the lead is unusable.
        overall_s: (beat, 9) over all usable leads: earliest credible onset, latest credible offset, and the peaks of
            the leads' vector magnitude.
        usable: (12,) leads that are neither flat, mostly missing nor saturated.
        paced: (beat,) a pacemaker spike starts the complex.
        ectopic: (beat,) premature and of another shape than most beats.
        problems: what is missing and why, in words.
    """

    sampling_rate_hz: float
    duration_s: float
    leads_s: NDArray[np.float64]
    overall_s: NDArray[np.float64]
    usable: NDArray[np.bool_]
    paced: NDArray[np.bool_]
    ectopic: NDArray[np.bool_]
    problems: tuple[str, ...]

    @property
    def r_peaks_s(self) -> NDArray[np.float64]:
        """(beat,) seconds from the record's start."""
        return self.overall_s[:, FIDUCIALS.index("r_peak")]


def delineate(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> Delineation:
    """Find the waves of a 12-lead recording.

    Args:
        signal_mv: (12, time) in mV, leads in the order of ``LEADS``; NaN where missing.
        sampling_rate_hz: samples per second, at least 50.

    Returns:
        Onsets, peaks and offsets in seconds; whatever could not be found is NaN and named in ``problems``.

    Raises:
        InputError: not (12, time), or a rate below 50 Hz. A bad signal is no error.
    """
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS):
        raise InputError("not twelve leads", field="signal_mv", expected="(12, time)", found=signal_mv.shape)
    conditioned = condition(signal_mv, sampling_rate_hz)
    problems = [f"lead {lead} {reason}" for lead, reason in zip(LEADS, conditioned.reasons, strict=True) if reason]
    r = r_peak_samples(conditioned)
    leads_s, overall_s = _first_version(conditioned.band(0.5, 40.0), r, conditioned.usable, conditioned.rate_hz)
    return Delineation(
        sampling_rate_hz=sampling_rate_hz,
        duration_s=signal_mv.shape[-1] / sampling_rate_hz,
        leads_s=leads_s,
        overall_s=overall_s,
        usable=conditioned.usable,
        paced=np.zeros(len(r), dtype=bool),
        ectopic=np.zeros(len(r), dtype=bool),
        problems=tuple(problems),
    )


def _first_version(
    leads: NDArray[np.float32], r: NDArray[np.int64], usable: NDArray[np.bool_], rate_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope thresholds per lead and beat."""
    pre, post = round(0.3 * rate_hz), round(0.5 * rate_hz)
    at = np.clip(r[:, None] + np.arange(-pre, post), 0, leads.shape[1] - 1)
    windows = leads[:, at]
    found = np.full((len(leads), len(r), 9), np.nan)
    slope = np.abs(np.gradient(windows, axis=-1)) + 1e-9
    for lead in np.flatnonzero(usable):
        for beat in range(len(r)):
            _one_beat(windows[lead, beat], slope[lead, beat], pre, rate_hz, found[lead, beat])
    found = (found + r[None, :, None] - pre) / rate_hz
    found[(found < 0) | (found > leads.shape[1] / rate_hz)] = np.nan
    overall = np.full((len(r), 9), np.nan)
    if usable.any():
        for k, name in enumerate(FIDUCIALS):
            values = found[usable, :, k]
            quantile = 0.25 if "onset" in name else 0.75 if "offset" in name else 0.5
            for beat in range(len(r)):
                seen = values[:, beat][np.isfinite(values[:, beat])]
                if len(seen):
                    overall[beat, k] = np.quantile(seen, quantile)
    return found, overall


def _one_beat(
    x: NDArray[np.float32], slope: NDArray[np.float32], pre: int, rate_hz: float, out: NDArray[np.float64]
) -> None:
    reach = round(0.08 * rate_hz)
    core = slice(pre - reach, pre + reach)
    big = np.flatnonzero(slope[core] > 0.12 * slope[core].max()) + pre - reach
    out[3], out[5] = big[0] - 1, big[-1] + 2
    base = x[big[0] - 2]
    out[4] = np.abs(x[big[0] : big[-1] + 1] - base).argmax() + big[0]
    for columns, first, last in (((6, 7, 8), big[-1] + 15, len(x) - 5), ((0, 1, 2), 10, big[0] - 5)):
        if last - first < 20 or np.ptp(x[first:last]) == 0:
            continue
        part = x[first:last] - np.linspace(x[first], x[last - 1], last - first)
        peak = int(np.abs(part).argmax())
        above = np.flatnonzero(np.abs(part) > 0.15 * abs(part[peak]))
        out[columns[0]], out[columns[1]], out[columns[2]] = first + above[0], first + peak, first + above[-1]
