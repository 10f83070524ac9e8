"""Rate, rhythm and intervals of a recording, and the heart-rate corrections of QT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.delineation import Delineation
from ssrl_ecg.signals.representative_beat import (
    P_OFFSET,
    P_ONSET,
    QRS_OFFSET,
    QRS_ONSET,
    T_OFFSET,
    T_PEAK,
    RepresentativeBeat,
)

FloatArray = NDArray[np.float64]


def rhythm_measurements(delineation: Delineation) -> dict[str, float]:
    """Return rate, RR statistics and shares of beats; NaN where there are too few beats.

    Mean and SD of RR (``rr_sd_ms``, with n - 1) and RMSSD use all beats, so that ectopy shows; ``rr_irregularity`` is
    the median of the absolute differences between successive RR intervals, over the median RR: near 0.1 and more in
    atrial fibrillation, not moved by a few ectopic beats.
    """
    rr_ms = 1000 * np.diff(delineation.r_peaks_s)
    steps_ms = np.diff(rr_ms)
    n_beats, n_rr, n_steps = len(delineation.r_peaks_s), len(rr_ms), len(steps_ms)
    has_p = np.isfinite(delineation.overall_s[:, P_ONSET])
    mean_ms = float(rr_ms.mean()) if n_rr else np.nan
    return {
        "beats": float(n_beats),
        "heart_rate_bpm": 60_000 / mean_ms,
        "rr_mean_ms": mean_ms,
        "rr_sd_ms": float(rr_ms.std(ddof=1)) if n_rr > 1 else np.nan,
        "rr_range_ms": float(np.ptp(rr_ms)) if n_rr > 1 else np.nan,
        "rmssd_ms": float(np.sqrt(np.mean(steps_ms**2))) if n_steps else np.nan,
        "rr_irregularity": float(np.median(np.abs(steps_ms)) / np.median(rr_ms)) if n_steps else np.nan,
        "ectopic_percent": _percent(delineation.ectopic),
        "paced_percent": _percent(delineation.paced),
        "p_present_percent": _percent(has_p),
    }


def interval_measurements(delineation: Delineation, beat: RepresentativeBeat) -> dict[str, float]:
    """Return P, PR, QRS, QT and related intervals in ms, medians over the beats of the representative beat."""
    overall_s = delineation.overall_s[beat.beats]
    fiducials_s = beat.fiducials_s

    def interval_ms(first: int, last: int) -> float:
        if np.isnan(fiducials_s[[first, last]]).any():
            return np.nan
        each_s = overall_s[:, last] - overall_s[:, first]
        known_s = each_s[np.isfinite(each_s)]
        return 1000 * float(np.median(known_s) if len(known_s) else fiducials_s[last] - fiducials_s[first])

    pr_ms = 1000 * (overall_s[:, QRS_ONSET] - overall_s[:, P_ONSET])
    pr_ms = pr_ms[np.isfinite(pr_ms)]
    rr_s = np.diff(delineation.r_peaks_s)
    qt_ms = interval_ms(QRS_ONSET, T_OFFSET)
    return {
        "p_ms": interval_ms(P_ONSET, P_OFFSET),
        "pr_ms": interval_ms(P_ONSET, QRS_ONSET),
        "pr_sd_ms": float(pr_ms.std(ddof=1)) if len(pr_ms) > 1 else np.nan,
        "qrs_ms": interval_ms(QRS_ONSET, QRS_OFFSET),
        "qt_ms": qt_ms,
        **corrected_qt_ms(qt_ms, float(rr_s.mean()) if len(rr_s) else np.nan),
        "jt_ms": interval_ms(QRS_OFFSET, T_OFFSET),
        "t_peak_end_ms": interval_ms(T_PEAK, T_OFFSET),
    }


def corrected_qt_ms(qt_ms: float, rr_s: float) -> dict[str, float]:
    """Return QT as it would be at 60 beats/min, by three formulas.

    Bazett (Heart 1920): QT / RR^(1/2). Fridericia (Acta Med Scand 1920): QT / RR^(1/3). Framingham (Sagie et al.,
    Am J Cardiol 1992): QT + 154 ms (1 - RR / 1 s).

    Args:
        qt_ms: QT interval.
        rr_s: mean RR interval; NaN makes all three NaN.
    """
    return {
        "qtc_bazett_ms": qt_ms / rr_s**0.5,
        "qtc_fridericia_ms": qt_ms / rr_s ** (1 / 3),
        "qtc_framingham_ms": qt_ms + 154 * (1 - rr_s),
    }


def _percent(flags: NDArray[np.bool_]) -> float:
    return 100 * float(flags.mean()) if len(flags) else np.nan
