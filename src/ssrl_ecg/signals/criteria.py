"""Textbook criteria as scores of the five diagnostic superclasses, without a single label: weak knowledge.

Every criterion grades how far a measurement lies beyond its published limit: 1/2 at the limit, towards 1 beyond it and
towards 0 before it, over a width of the order of the measurement's uncertainty. Nothing is fitted; limits are those of
the sources named with each criterion, and of limits that differ between men and women the mean is taken. A class's
score is the chance that at least one of its criteria holds if each held independently with its grade; NORM is the
chance that none of any class does. The scores rank recordings; they are no probabilities and no diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.signals.measurement_names import AHA_III, AHA_IV, AHA_V
from ssrl_ecg.signals.measurements import MEASUREMENTS

FloatArray = NDArray[np.float64]
Columns = Mapping[str, FloatArray]

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""Order of the scores: PTB-XL's superclasses."""

MINNESOTA = "Minnesota code, Prineas, Crow & Zhang 2010"
FOURTH_MI = "Fourth universal definition of myocardial infarction, Thygesen et al., Circulation 2018"

_INFERIOR, _LATERAL = ("II", "III", "aVF"), ("I", "aVL", "V5", "V6")
_ANTERIOR, _ST_T = ("V1", "V2", "V3", "V4"), ("I", "II", "aVL", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Criterion:
    """One textbook criterion.

    Attributes:
        superclass: the class it speaks for.
        description: measurement and limit in words.
        source: who set the limit.
        grade: columns of measurements -> (record,) in [0, 1]; 0 where something it needs is missing.
    """

    superclass: str
    description: str
    source: str
    grade: Callable[[Columns], FloatArray]


def above(values: ArrayLike, limit: float, width: float) -> FloatArray:
    """Grade how far values lie above a limit: logistic, 1/2 at the limit, 0.88 at two widths beyond; 0 for NaN."""
    steps = np.clip((np.asarray(values, dtype=np.float64) - limit) / width, -40, 40)
    return np.nan_to_num(1 / (1 + np.exp(-steps)))


def below(values: ArrayLike, limit: float, width: float) -> FloatArray:
    """Grade how far values lie below a limit; see ``above``."""
    return above(-np.asarray(values, dtype=np.float64), -limit, width)


def both(*grades: FloatArray) -> FloatArray:
    """Return the grade of several conditions that must all hold: the least."""
    least: FloatArray = np.minimum.reduce(grades)
    return least


def any_of(*grades: FloatArray) -> FloatArray:
    """Return the grade of conditions of which one suffices: the largest."""
    largest: FloatArray = np.maximum.reduce(grades)
    return largest


def two_of(*grades: FloatArray) -> FloatArray:
    """Return the grade of conditions of which two must hold, such as contiguous leads: the second largest."""
    second: FloatArray = np.sort(np.stack(grades), axis=0)[-2]
    return second


def _wide_qrs(c: Columns) -> FloatArray:
    return above(c["qrs_ms"], 120, 6)


def _left_bundle(c: Columns) -> FloatArray:
    late = any_of(above(c["r_peak_ms_V5"], 60, 5), above(c["r_peak_ms_V6"], 60, 5))
    return both(_wide_qrs(c), late, below(c["qrs_terminal_mv_V1"], 0, 0.1), below(c["q_mv_V6"], 0.1, 0.02))


def _right_bundle(c: Columns) -> FloatArray:
    terminal_v1 = any_of(above(c["r_prime_mv_V1"], 0.1, 0.05), above(c["r_peak_ms_V1"], 50, 5))
    wide_s = any_of(above(c["s_ms_I"], 40, 5), above(c["s_ms_V6"], 40, 5))
    return both(above(c["qrs_ms"], 110, 6), terminal_v1, above(c["qrs_terminal_mv_V1"], 0, 0.05), wide_s)


def _left_axis(c: Columns, limit: float) -> FloatArray:
    return both(below(c["qrs_axis_degrees"], limit, 6), above(c["qrs_axis_degrees"], -95, 6))


def _right_axis(c: Columns, limit: float) -> FloatArray:
    return any_of(above(c["qrs_axis_degrees"], limit, 6), below(c["qrs_axis_degrees"], -150, 6))


def _anterior_fascicle(c: Columns) -> FloatArray:
    return both(_left_axis(c, -45), above(c["r_mv_aVL"], 0.2, 0.05), above(c["s_mv_III"], 0.3, 0.1))


def _q_wave(c: Columns, lead: str) -> FloatArray:
    ratio = np.asarray(c[f"q_mv_{lead}"]) / np.maximum(np.asarray(c[f"r_mv_{lead}"]), 0.02)
    return both(above(c[f"q_ms_{lead}"], 30, 4), above(c[f"q_mv_{lead}"], 0.1, 0.03), above(ratio, 0.25, 0.08))


def _q_waves(leads: tuple[str, ...]) -> Callable[[Columns], FloatArray]:
    return lambda c: both(two_of(*(_q_wave(c, lead) for lead in leads)), 1 - _left_bundle(c))


def _qs_right_chest(c: Columns) -> FloatArray:
    grades = [both(above(c[f"q_ms_{lead}"], 20, 4), above(c[f"q_mv_{lead}"], 0.05, 0.02)) for lead in ("V2", "V3")]
    return both(any_of(*grades), 1 - _left_bundle(c))


def _poor_progression(c: Columns) -> FloatArray:
    reversed_r = above(np.asarray(c["r_mv_V2"]) - np.asarray(c["r_mv_V3"]), 0, 0.05)
    return both(
        any_of(below(c["r_mv_V3"], 0.3, 0.08), both(reversed_r, below(c["r_mv_V3"], 0.5, 0.1))), 1 - _left_bundle(c)
    )


def _st_raised(leads: tuple[str, ...], limit_mv: float) -> Callable[[Columns], FloatArray]:
    return lambda c: both(two_of(*(above(c[f"st_j_mv_{lead}"], limit_mv, 0.025) for lead in leads)), 1 - _wide_qrs(c))


def _st_lowered(c: Columns) -> FloatArray:
    grades = [
        both(below(c[f"st_j60_mv_{lead}"], -0.05, 0.015), below(c[f"st_slope_mv_per_s_{lead}"], 0.5, 0.25))
        for lead in _ST_T
    ]
    return two_of(*grades)


def _t_inverted(c: Columns) -> FloatArray:
    return two_of(*(below(c[f"t_mv_{lead}"], -0.1, 0.03) for lead in _ST_T))


def _t_flat(c: Columns) -> FloatArray:
    grades = []
    for lead in ("I", "II", "V4", "V5", "V6"):
        share = np.asarray(c[f"t_mv_{lead}"]) / np.maximum(np.asarray(c[f"r_mv_{lead}"]), 0.1)
        grades.append(both(below(share, 0.10, 0.03), above(c[f"r_mv_{lead}"], 0.3, 0.1)))
    return two_of(*grades)


CRITERIA: dict[str, Criterion] = {
    "wide_qrs": Criterion("CD", "QRS duration >= 120 ms", AHA_III, _wide_qrs),
    "left_bundle_branch_block": Criterion(
        "CD", "QRS >= 120 ms, R peak time > 60 ms in V5 or V6, negative end in V1, no Q in V6", AHA_III, _left_bundle
    ),
    "right_bundle_branch_block": Criterion(
        "CD", "QRS >= 110 ms, R' or late R and positive end in V1, S > 40 ms in I or V6", AHA_III, _right_bundle
    ),
    "left_anterior_fascicular_block": Criterion(
        "CD", "axis -45 to -90 degrees, R in aVL, S in III", AHA_III, _anterior_fascicle
    ),
    "left_axis": Criterion("CD", "QRS axis left of -30 degrees", AHA_III, lambda c: 0.7 * _left_axis(c, -30)),
    "right_axis": Criterion("CD", "QRS axis right of 90 degrees", AHA_III, lambda c: 0.5 * _right_axis(c, 100)),
    "long_pr": Criterion(
        "CD",
        "PR > 200 ms",
        "Surawicz & Knilans, Chou's Electrocardiography, 6th ed.",
        lambda c: above(c["pr_ms"], 200, 8),
    ),
    "q_inferior": Criterion(
        "MI", "Q >= 30 ms and >= 0.1 mV, Q/R >= 1/4, in two of II, III, aVF", FOURTH_MI, _q_waves(_INFERIOR)
    ),
    "q_lateral": Criterion("MI", "the same in two of I, aVL, V5, V6", FOURTH_MI, _q_waves(_LATERAL)),
    "q_anterior": Criterion("MI", "the same in two of V1-V4", FOURTH_MI, _q_waves(_ANTERIOR)),
    "qs_v2_v3": Criterion("MI", "Q >= 20 ms or QS in V2 or V3", FOURTH_MI, _qs_right_chest),
    "poor_r_progression": Criterion(
        "MI", "R in V3 <= 0.3 mV or falling from V2 to V3", "Zema & Kligfield, Arch Intern Med 1982", _poor_progression
    ),
    "st_elevation": Criterion(
        "MI",
        "J >= 0.1 mV in two limb or lateral leads",
        FOURTH_MI,
        lambda c: any_of(_st_raised(_INFERIOR, 0.1)(c), _st_raised(_LATERAL, 0.1)(c), _st_raised(_ANTERIOR, 0.2)(c)),
    ),
    "st_depression": Criterion("STTC", "ST <= -0.05 mV at J + 60 ms, not rising, in two leads", MINNESOTA, _st_lowered),
    "t_inversion": Criterion("STTC", "T <= -0.1 mV in two of I, II, aVL, V3-V6", AHA_IV, _t_inverted),
    "flat_t": Criterion("STTC", "T < R/10 in two of I, II, V4-V6", AHA_IV, _t_flat),
    "long_qt": Criterion(
        "STTC",
        "QTc >= 455 ms (Fridericia; 450 men, 460 women)",
        AHA_IV,
        lambda c: above(c["qtc_fridericia_ms"], 455, 10),
    ),
    "wide_qrs_t_angle": Criterion(
        "STTC", "spatial QRS-T angle", AHA_IV, lambda c: above(c["qrs_t_frontal_degrees"], 100, 15)
    ),
    "sokolow_lyon": Criterion(
        "HYP", "S V1 + R V5/V6 >= 3.5 mV", AHA_V, lambda c: above(c["sokolow_lyon_mv"], 3.5, 0.3)
    ),
    "cornell": Criterion("HYP", "R aVL + S V3 >= 2.4 mV", AHA_V, lambda c: above(c["cornell_mv"], 2.4, 0.2)),
    "cornell_product": Criterion("HYP", ">= 244 mV ms", AHA_V, lambda c: above(c["cornell_product_mv_ms"], 244, 25)),
    "r_avl": Criterion("HYP", "R aVL > 1.1 mV", AHA_V, lambda c: above(c["r_mv_aVL"], 1.1, 0.1)),
    "gubner": Criterion("HYP", "R I + S III >= 2.5 mV", AHA_V, lambda c: above(c["gubner_mv"], 2.5, 0.2)),
    "p_terminal": Criterion("HYP", "P terminal force", "Morris", lambda c: above(c["p_terminal_mv_ms_V1"], 2.0, 0.5)),
    "tall_p": Criterion("HYP", "P II > .25", "Morris", lambda c: above(c["p_mv_II"], 0.25, 0.03)),
    "right": Criterion(
        "HYP", "R V1 + S V5 > 1.05", AHA_V, lambda c: both(above(c["right_sokolow_mv"], 1.05, 0.15), _right_axis(c, 90))
    ),
    "strain": Criterion(
        "HYP",
        "strain",
        AHA_V,
        lambda c: both(
            any_of(above(c["sokolow_lyon_mv"], 3.0, 0.3), above(c["cornell_mv"], 2.0, 0.2)),
            any_of(below(c["t_mv_V6"], -0.0, 0.03), below(c["t_mv_V5"], -0.0, 0.03)),
            1 - _right_bundle(c),
            1 - _left_bundle(c),
        ),
    ),
}
"""Every criterion."""


def superclass_scores(table: Mapping[str, ArrayLike]) -> FloatArray:
    """Score recordings for the five superclasses by textbook criteria alone.

    Args:
        table: name of ``MEASUREMENTS`` -> (record,); a DataFrame of measurements is one.

    Returns:
        (record, 5) in [0, 1] in the order of ``SUPERCLASSES``: weak knowledge for ranking, no probabilities.
    """
    columns = {name: np.asarray(table[name], dtype=np.float64) for name in MEASUREMENTS}
    absent = {name: np.ones(len(columns["beats"])) for name in SUPERCLASSES[1:]}
    for c in CRITERIA.values():
        absent[c.superclass] = absent[c.superclass] * (1 - c.grade(columns))
    none = np.prod(list(absent.values()), axis=0)
    return np.stack([none] + [1 - absent[name] for name in SUPERCLASSES[1:]], axis=1)
