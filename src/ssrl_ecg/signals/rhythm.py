"""Rate, rhythm and intervals of a recording, and the heart-rate corrections of QT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.delineation import Delineation
from ssrl_ecg.signals.quantiles import median_of_known
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

_INTERVALS = {
    "p_ms": (P_ONSET, P_OFFSET),
    "pr_ms": (P_ONSET, QRS_ONSET),
    "qrs_ms": (QRS_ONSET, QRS_OFFSET),
    "qt_ms": (QRS_ONSET, T_OFFSET),
    "jt_ms": (QRS_OFFSET, T_OFFSET),
    "t_peak_end_ms": (T_PEAK, T_OFFSET),
}


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
    overall_ms = 1000 * delineation.overall_s[beat.beats]
    first, last = np.array(list(_INTERVALS.values())).T
    medians_ms = median_of_known(overall_ms[:, last] - overall_ms[:, first])
    is_typical = np.isfinite(beat.fiducials_s[first] + beat.fiducials_s[last])
    intervals = dict(zip(_INTERVALS, np.where(is_typical, medians_ms, np.nan).tolist(), strict=True))
    pr_ms = overall_ms[:, QRS_ONSET] - overall_ms[:, P_ONSET]
    pr_ms = pr_ms[np.isfinite(pr_ms)]
    rr_s = np.diff(delineation.r_peaks_s)
    return {
        **intervals,
        "pr_sd_ms": float(pr_ms.std(ddof=1)) if len(pr_ms) > 1 else np.nan,
        **corrected_qt_ms(intervals["qt_ms"], float(rr_s.mean()) if len(rr_s) else np.nan),
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
