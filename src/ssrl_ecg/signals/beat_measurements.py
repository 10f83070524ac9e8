"""Amplitudes, areas and voltage indices of a representative beat, and its vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS
from ssrl_ecg.signals.qrs_waves import qrs_waves
from ssrl_ecg.signals.representative_beat import (
    P_OFFSET,
    P_ONSET,
    QRS_OFFSET,
    QRS_ONSET,
    T_OFFSET,
    T_ONSET,
    RepresentativeBeat,
)
from ssrl_ecg.signals.vcg import leads_to_vcg

FloatArray = NDArray[np.float64]
PerLead = dict[str, FloatArray]

AVF_GAIN = 2 / np.sqrt(3)
"""aVF sees the frontal vector with sqrt(3)/2 of lead I's gain (Einthoven's triangle); axes multiply it by this."""

_ENDS_S = 0.040
"""The first and the last 40 ms of the QRS complex: where infarction and right bundle branch block show."""
_ST_S = (0.0, 0.060, 0.080)
_HALF_WINDOW_S = 0.004
"""ST levels are means over 8 ms about their time."""
_INDEPENDENT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
I, II, III, AVR, AVL, AVF, V1, V2, V3, V4, V5, V6 = range(len(LEADS))  # noqa: E741 - the lead's name


def lead_measurements(beat: RepresentativeBeat) -> PerLead:
    """Return what is measured in every lead: name without the lead -> (12,), NaN where the wave or lead is missing."""
    return {**_qrs_measurements(beat), **_st_measurements(beat), **_t_measurements(beat), **_p_measurements(beat)}


def _qrs_measurements(beat: RepresentativeBeat) -> PerLead:
    qrs_mv = _wave(beat, QRS_ONSET, QRS_OFFSET)
    waves = qrs_waves(qrs_mv, beat.rate_hz)
    r_mv = np.maximum(waves.r_mv, waves.r_prime_mv)
    ends = round(_ENDS_S * beat.rate_hz)
    span_mv = np.ptp(qrs_mv, axis=1)
    path_mv = np.abs(np.diff(qrs_mv, axis=1)).sum(axis=1) + np.abs(qrs_mv[:, 0]) + np.abs(qrs_mv[:, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        r_share = r_mv / (r_mv + np.maximum(waves.q_mv, waves.s_mv))
        path = path_mv / (2 * span_mv)
    return {
        **{name: getattr(waves, name) for name in waves.__dataclass_fields__},
        "r_mv": r_mv,
        "r_share": r_share,
        "qrs_span_mv": span_mv,
        "qrs_path": path,
        "qrs_area_mv_ms": _area(qrs_mv, beat.rate_hz),
        "qrs_initial_mv": qrs_mv[:, :ends].mean(axis=1),
        "qrs_terminal_mv": qrs_mv[:, -ends:].mean(axis=1),
    }


def _st_measurements(beat: RepresentativeBeat) -> PerLead:
    j_s = beat.fiducials_s[QRS_OFFSET]
    if np.isnan(j_s):
        j_mv = j60_mv = j80_mv = np.full(len(LEADS), np.nan)
    else:
        at = [beat.between(j_s + after_s - _HALF_WINDOW_S, j_s + after_s + _HALF_WINDOW_S) for after_s in _ST_S]
        j_mv, j60_mv, j80_mv = (window.mean(axis=1) for window in at)
    return {
        "st_j_mv": j_mv,
        "st_j60_mv": j60_mv,
        "st_j80_mv": j80_mv,
        "st_slope_mv_per_s": (j80_mv - j_mv) / _ST_S[-1],
    }


def _t_measurements(beat: RepresentativeBeat) -> PerLead:
    t_mv = _wave(beat, T_ONSET, T_OFFSET)
    highest, lowest = np.maximum(t_mv.max(axis=1), 0), np.minimum(t_mv.min(axis=1), 0)
    return {
        "t_mv": _larger(highest, lowest),
        "t_negative_mv": -lowest,
        "t_area_mv_ms": _area(t_mv, beat.rate_hz),
    }


def _p_measurements(beat: RepresentativeBeat) -> PerLead:
    p_mv = _wave(beat, P_ONSET, P_OFFSET)
    p_mv = p_mv - np.linspace(p_mv[:, 0], p_mv[:, -1], p_mv.shape[1], axis=1)
    terminal_mv = p_mv[:, p_mv.shape[1] // 2 :]
    negative_ms = (terminal_mv < 0).sum(axis=1) * (1000 / beat.rate_hz)
    return {
        "p_mv": _larger(p_mv.max(axis=1), p_mv.min(axis=1)),
        "p_area_mv_ms": _area(p_mv, beat.rate_hz),
        "p_terminal_mv_ms": negative_ms * np.maximum(-terminal_mv.min(axis=1), 0),
    }


def vector_measurements(beat: RepresentativeBeat, leads: PerLead) -> dict[str, float]:
    """Return axes in the frontal plane, vectors in space, and how planar the loops are."""
    axes = {
        f"{wave}_axis_degrees": frontal_axis_degrees(area[I], area[AVF])
        for wave, area in (("p", leads["p_area_mv_ms"]), ("qrs", leads["qrs_area_mv_ms"]), ("t", leads["t_area_mv_ms"]))
    }
    initial, terminal = leads["qrs_initial_mv"], leads["qrs_terminal_mv"]
    qrs_mv, t_mv = (leads_to_vcg(_wave(beat, *ends)) for ends in ((QRS_ONSET, QRS_OFFSET), (T_ONSET, T_OFFSET)))
    qrs_area, t_area = _area(qrs_mv, beat.rate_hz), _area(t_mv, beat.rate_hz)
    gradient = qrs_area + t_area
    qrs_peak, t_peak = _peak_vector(qrs_mv), _peak_vector(t_mv)
    return {
        **axes,
        "qrs_initial_axis_degrees": frontal_axis_degrees(initial[I], initial[AVF]),
        "qrs_terminal_axis_degrees": frontal_axis_degrees(terminal[I], terminal[AVF]),
        "qrs_t_frontal_degrees": abs((axes["qrs_axis_degrees"] - axes["t_axis_degrees"] + 180) % 360 - 180),
        "qrs_t_spatial_degrees": angle_degrees(qrs_area, t_area),
        "qrs_t_peaks_degrees": angle_degrees(qrs_peak, t_peak),
        "qrs_vector_mv": float(np.linalg.norm(qrs_peak)),
        "t_vector_mv": float(np.linalg.norm(t_peak)),
        "ventricular_gradient_mv_ms": float(np.linalg.norm(gradient)),
        "qrs_azimuth_degrees": float(np.degrees(np.arctan2(qrs_area[2], qrs_area[0]))),
        "t_azimuth_degrees": float(np.degrees(np.arctan2(t_area[2], t_area[0]))),
        "gradient_azimuth_degrees": float(np.degrees(np.arctan2(gradient[2], gradient[0]))),
        "qrs_complexity": complexity(_wave(beat, QRS_ONSET, QRS_OFFSET)[_INDEPENDENT]),
        "t_complexity": complexity(_wave(beat, T_ONSET, T_OFFSET)[_INDEPENDENT]),
    }


def voltage_measurements(leads: PerLead, qrs_ms: float) -> dict[str, float]:
    """Return the sums of waves that criteria of hypertrophy and low voltage are made of."""
    r, s, q, span = leads["r_mv"], leads["s_mv"], leads["q_mv"], leads["qrs_span_mv"]
    sokolow, cornell = float(s[V1] + max(r[V5], r[V6])), float(r[AVL] + s[V3])
    return {
        "sokolow_lyon_mv": sokolow,
        "sokolow_product_mv_ms": sokolow * qrs_ms,
        "cornell_mv": cornell,
        "cornell_product_mv_ms": cornell * qrs_ms,
        "gubner_mv": float(r[I] + s[III]),
        "lewis_mv": float(r[I] + s[III] - s[I] - r[III]),
        "peguero_mv": float(s.max() + s[V4]),
        "romhilt_limb_mv": float(max(r[:6].max(), s[:6].max(), q[:6].max())),
        "total_voltage_mv": float(span.sum()),
        "right_sokolow_mv": float(r[V1] + max(s[V5], s[V6])),
        "limb_span_mv": float(span[:6].max()),
        "chest_span_mv": float(span[6:].max()),
        "transition_zone": transition_zone(r[6:] - np.maximum(s, q)[6:]),
        "qrs_fragmentation": float(leads["qrs_path"].mean()),
        "st_deviation_mv": float(np.abs(leads["st_j60_mv"]).max()),
    }


def frontal_axis_degrees(lead_i: float, lead_avf: float) -> float:
    """Return the direction of a vector in the frontal plane, in (-180, 180] degrees, 0 to the left, 90 to the feet.

    aVF is multiplied by ``AVF_GAIN``. NaN where an input is, or where both are 0.
    """
    if lead_i == 0 and lead_avf == 0:
        return np.nan
    return float(np.degrees(np.arctan2(AVF_GAIN * lead_avf, lead_i)))


def angle_degrees(one: FloatArray, other: FloatArray) -> float:
    """Return the angle between two vectors in [0, 180] degrees; NaN where one of them is null or NaN."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not length > 0:
        return np.nan
    return float(np.degrees(np.arccos(np.clip(one @ other / length, -1, 1))))


def complexity(wave_mv: FloatArray) -> float:
    """Return the share of a wave's energy that two principal components of the leads do not hold, in [0, 1).

    0 for a plane loop; more where the heart is not one rotating dipole (T-wave complexity, Priori et al., Circulation
    1997, in other norms). NaN where a lead is or where there is no voltage.

    Args:
        wave_mv: (lead, time).
    """
    if np.isnan(wave_mv).any():
        return np.nan
    energies = np.linalg.eigvalsh(wave_mv @ wave_mv.T)[::-1]
    return float(max(0.0, 1 - energies[:2].sum() / energies.sum())) if energies[0] > 0 else np.nan


def transition_zone(net_mv: FloatArray) -> float:
    """Return where R overtakes S between V1 and V6, as a lead number with decimals (3.5 is midway from V3 to V4).

    Args:
        net_mv: (6,) R minus S in V1 to V6.

    Returns:
        1 where R leads from V1 on, 6 where it never does; between them linear interpolation at the first change to R;
        NaN where a lead is missing.
    """
    if np.isnan(net_mv).any():
        return np.nan
    if net_mv[0] >= 0:
        return 1.0
    later = int(np.argmax(net_mv >= 0))
    if later == 0:
        return 6.0
    return later + float(net_mv[later - 1] / (net_mv[later - 1] - net_mv[later]))


def _wave(beat: RepresentativeBeat, first: int, last: int) -> FloatArray:
    """Return the beat (12, time) between two fiducials; one column of NaN where one of them is absent."""
    from_s, to_s = beat.fiducials_s[[first, last]]
    if first == T_ONSET:  # some leads' T waves seem to begin within the QRS complex of others
        from_s = np.fmax(from_s, beat.fiducials_s[QRS_OFFSET])
    if not to_s > from_s:
        return np.full((len(LEADS), 1), np.nan)
    return beat.between(from_s, to_s)


def _area(wave_mv: FloatArray, rate_hz: float) -> FloatArray:
    """Return the integral over time, mV ms."""
    area: FloatArray = wave_mv.sum(axis=-1) * (1000 / rate_hz)
    return area


def _larger(highest: FloatArray, lowest: FloatArray) -> FloatArray:
    return np.where(highest >= -lowest, highest, lowest)


def _peak_vector(vcg_mv: FloatArray) -> FloatArray:
    """Return the longest vector of a loop (3, time)."""
    return vcg_mv[:, int(np.argmax((vcg_mv**2).sum(axis=0)))]
