"""Textbook criteria as scores of the five diagnostic superclasses, without a single label: weak knowledge.

Every criterion grades how far a measurement lies beyond its published limit: 1/2 at the limit, towards 1 beyond it and
towards 0 before it, over a width of about the measurement's uncertainty. A class's points are the sum of its criteria's
grades, supporting ones at half; the score of a class is 1 - exp(-points), that of NORM exp(-points of all classes).
Limits are those of the named sources, not fitted; of limits that differ between women and men the mean is taken. What
the sources forbid to read in a bundle branch block is not read there. The scores rank recordings: they are no
probabilities and no diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.signals.measurement_names import AHA_III, AHA_IV, AHA_V, MEASUREMENTS

FloatArray = NDArray[np.float64]
Columns = Mapping[str, FloatArray]
Grade = Callable[[Columns], FloatArray]


class Table(Protocol):
    """Anything with a column per measurement."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column, (record,)."""


SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""Order of the scores: PTB-XL's superclasses."""

MINNESOTA = "Minnesota code, Prineas, Crow & Zhang 2010"
CHOU = "Surawicz & Knilans, Chou's Electrocardiography in Clinical Practice, 6th ed. 2008"
ROMHILT = "Romhilt & Estes, Am Heart J 1968"
FOURTH_MI = "Fourth universal definition of myocardial infarction, Thygesen et al., Circulation 2018"

_LEAST_R_MV = 0.05
"""Ratios to R take R for at least this, so that they stay finite without one."""
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
        points: what it counts: 1, or 1/2 for signs that only support.
    """

    superclass: str
    description: str
    source: str
    grade: Grade
    points: float = 1.0


def above(values: ArrayLike, limit: float, width: float) -> FloatArray:
    """Grade how far values lie above a limit: logistic, 1/2 at the limit, 0.88 at two widths beyond; 0 for NaN."""
    steps = np.clip((np.asarray(values, dtype=np.float64) - limit) / width, -40, 40)
    return np.nan_to_num(1 / (1 + np.exp(-steps)))


def below(values: ArrayLike, limit: float, width: float) -> FloatArray:
    """Grade how far values lie below a limit; see ``above``."""
    return above(-np.asarray(values, dtype=np.float64), -limit, width)


def all_of(*grades: FloatArray) -> FloatArray:
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
    return all_of(_wide_qrs(c), late, below(c["qrs_terminal_mv_V1"], 0, 0.1), below(c["q_mv_V6"], 0.1, 0.02))


def _late_right(c: Columns) -> FloatArray:
    """Grade a late positive wave in V1: R', or an R that peaks late, and a positive end of the complex."""
    late = any_of(above(c["r_prime_mv_V1"], 0.1, 0.05), above(c["r_peak_ms_V1"], 50, 5))
    return all_of(late, above(c["qrs_terminal_mv_V1"], 0, 0.05))


def _right_bundle(c: Columns) -> FloatArray:
    wide_s = any_of(above(c["s_ms_I"], 40, 5), above(c["s_ms_V6"], 40, 5))
    return all_of(_wide_qrs(c), _late_right(c), wide_s)


def _anterior_fascicle(c: Columns) -> FloatArray:
    left = all_of(below(c["qrs_axis_degrees"], -45, 6), above(c["qrs_axis_degrees"], -95, 6))
    return all_of(left, above(c["r_mv_aVL"], 0.2, 0.05), above(c["s_mv_III"], 0.3, 0.1))


def _left_axis(c: Columns) -> FloatArray:
    return all_of(below(c["qrs_axis_degrees"], -30, 6), above(c["qrs_axis_degrees"], -95, 6))


def _right_axis(c: Columns) -> FloatArray:
    return any_of(above(c["qrs_axis_degrees"], 90, 6), below(c["qrs_axis_degrees"], -150, 6))


def _q_wave(c: Columns, lead: str) -> FloatArray:
    ratio = c[f"q_mv_{lead}"] / np.maximum(c[f"r_mv_{lead}"], _LEAST_R_MV)
    return all_of(above(c[f"q_ms_{lead}"], 30, 4), above(c[f"q_mv_{lead}"], 0.1, 0.03), above(ratio, 0.25, 0.08))


def _q_waves(leads: Sequence[str]) -> Grade:
    return lambda c: all_of(two_of(*(_q_wave(c, lead) for lead in leads)), 1 - _left_bundle(c))


def _qs_v2_v3(c: Columns) -> FloatArray:
    waves = [all_of(above(c[f"q_ms_{lead}"], 20, 4), above(c[f"q_mv_{lead}"], 0.05, 0.02)) for lead in ("V2", "V3")]
    return all_of(any_of(*waves), 1 - _left_bundle(c))


def _poor_progression(c: Columns) -> FloatArray:
    falling = all_of(above(c["r_mv_V2"] - c["r_mv_V3"], 0, 0.05), below(c["r_mv_V3"], 0.5, 0.1))
    return all_of(any_of(below(c["r_mv_V3"], 0.3, 0.08), falling), 1 - _left_bundle(c))


def _st_elevation(c: Columns) -> FloatArray:
    chest = two_of(*(above(c[f"st_j_mv_{lead}"], 0.2, 0.025) for lead in ("V2", "V3")))
    others = [two_of(*(above(c[f"st_j_mv_{lead}"], 0.1, 0.025) for lead in leads)) for leads in (_INFERIOR, _LATERAL)]
    return all_of(any_of(chest, *others), 1 - _wide_qrs(c))


def _t_inverted(*groups: Sequence[str]) -> Grade:
    """Grade T waves of -0.1 mV or less in two leads of one of the groups, the QRS complex not being wide."""

    def grade(c: Columns) -> FloatArray:
        each = [two_of(*(below(c[f"t_mv_{lead}"], -0.1, 0.03) for lead in leads)) for leads in groups]
        return all_of(any_of(*each), 1 - _wide_qrs(c))

    return grade


def _st_depression(c: Columns) -> FloatArray:
    each = [
        all_of(below(c[f"st_j60_mv_{lead}"], -0.05, 0.015), below(c[f"st_slope_mv_per_s_{lead}"], 0.5, 0.25))
        for lead in _ST_T
    ]
    return all_of(two_of(*each), 1 - _wide_qrs(c))


def _flat_t(c: Columns) -> FloatArray:
    each = [
        all_of(
            below(c[f"t_mv_{lead}"] / np.maximum(c[f"r_mv_{lead}"], _LEAST_R_MV), 0.10, 0.03),
            above(c[f"r_mv_{lead}"], 0.3, 0.1),
        )
        for lead in ("I", "II", "V4", "V5", "V6")
    ]
    return all_of(two_of(*each), 1 - _wide_qrs(c))


def _strain(c: Columns) -> FloatArray:
    voltage = any_of(above(c["sokolow_lyon_mv"], 3.5, 0.5), above(c["cornell_mv"], 2.4, 0.4))
    t_down = any_of(below(c["t_mv_V5"], 0, 0.03), below(c["t_mv_V6"], 0, 0.03))
    return all_of(voltage, t_down, 1 - _wide_qrs(c))


def _limb_r(c: Columns, name: str, limit_mv: float) -> FloatArray:
    """Grade a voltage of leads I and aVL, which left anterior fascicular block raises by itself."""
    return all_of(above(c[name], limit_mv, 0.1 * limit_mv), 1 - _anterior_fascicle(c))


def _right_voltage(c: Columns) -> FloatArray:
    voltage = any_of(above(c["right_sokolow_mv"], 1.05, 0.15), above(c["r_mv_V1"], 0.6, 0.1))
    return all_of(voltage, _right_axis(c), 1 - _wide_qrs(c))


def _minnesota_high_r(c: Columns) -> FloatArray:
    chest = any_of(above(c["r_mv_V5"], 2.6, 0.25), above(c["r_mv_V6"], 2.6, 0.25))
    limb = any_of(*(above(c[f"r_mv_{lead}"], 2.0, 0.2) for lead in ("I", "II", "III", "aVF")))
    return any_of(chest, limb)


CRITERIA: dict[str, Criterion] = {
    "wide_qrs": Criterion("CD", "QRS >= 120 ms", AHA_III, _wide_qrs),
    "slow_qrs": Criterion("CD", "QRS > 110 ms", AHA_III, lambda c: above(c["qrs_ms"], 110, 6)),
    "left_bundle_branch_block": Criterion(
        "CD", "QRS >= 120 ms, R peak time > 60 ms in V5 or V6, negative end in V1, no Q in V6", AHA_III, _left_bundle
    ),
    "right_bundle_branch_block": Criterion(
        "CD",
        "QRS >= 120 ms, R' or R peak time > 50 ms and positive end in V1, S > 40 ms in I or V6",
        AHA_III,
        _right_bundle,
    ),
    "r_prime_v1": Criterion("CD", "R' and positive end in V1 at any QRS duration (7-3, 7-5)", MINNESOTA, _late_right),
    "left_anterior_fascicular_block": Criterion(
        "CD", "QRS axis -45 to -90 degrees, R in aVL, S in III", AHA_III, _anterior_fascicle
    ),
    "left_axis": Criterion("CD", "QRS axis -30 to -90 degrees", AHA_III, _left_axis, 0.5),
    "right_axis": Criterion("CD", "QRS axis beyond 90 degrees", AHA_III, _right_axis, 0.5),
    "long_pr": Criterion("CD", "PR > 200 ms", CHOU, lambda c: above(c["pr_ms"], 200, 8)),
    "q_inferior": Criterion(
        "MI", "Q >= 30 ms, >= 0.1 mV and >= R/4 in two of II, III, aVF", FOURTH_MI, _q_waves(_INFERIOR)
    ),
    "q_lateral": Criterion("MI", "the same in two of I, aVL, V5, V6", FOURTH_MI, _q_waves(_LATERAL)),
    "q_anterior": Criterion("MI", "the same in two of V1-V4", FOURTH_MI, _q_waves(_ANTERIOR)),
    "qs_v2_v3": Criterion("MI", "Q >= 20 ms or QS in V2 or V3", FOURTH_MI, _qs_v2_v3),
    "poor_r_progression": Criterion(
        "MI", "R in V3 <= 0.3 mV, or falling from V2 to V3", "Zema & Kligfield, Arch Intern Med 1982", _poor_progression
    ),
    "contiguous_t_inversion": Criterion(
        "MI",
        "T <= -0.1 mV in two leads of one wall: II, III, aVF; I, aVL, V5, V6; V2-V4",
        FOURTH_MI,
        _t_inverted(_INFERIOR, _LATERAL, ("V2", "V3", "V4")),
    ),
    "st_elevation": Criterion(
        "MI", "J >= 0.2 mV in V2 and V3, or >= 0.1 mV in two inferior or lateral leads", FOURTH_MI, _st_elevation, 0.5
    ),
    "st_depression": Criterion(
        "STTC", "ST <= -0.05 mV at J + 60 ms and not rising, in two leads (4-2)", MINNESOTA, _st_depression
    ),
    "t_inversion": Criterion("STTC", "T <= -0.1 mV in two of I, II, aVL, V3-V6 (5-2)", MINNESOTA, _t_inverted(_ST_T)),
    "flat_t": Criterion("STTC", "T below a tenth of R in two of I, II, V4-V6", AHA_IV, _flat_t),
    "long_qt": Criterion(
        "STTC", "QTc (Fridericia) >= 455 ms", AHA_IV, lambda c: above(c["qtc_fridericia_ms"], 455, 10), 0.5
    ),
    "wide_qrs_t_angle": Criterion(
        "STTC",
        "angle of more than 100 degrees between QRS and T in the frontal plane",
        "Aro et al., Europace 2012",
        lambda c: all_of(above(c["qrs_t_frontal_degrees"], 100, 15), 1 - _wide_qrs(c)),
    ),
    "sokolow_lyon": Criterion(
        "HYP", "S in V1 + R in V5 or V6 >= 3.5 mV", AHA_V, lambda c: above(c["sokolow_lyon_mv"], 3.5, 0.3)
    ),
    "minnesota_high_r": Criterion(
        "HYP", "R > 2.6 mV in V5 or V6, or > 2.0 mV in I, II, III or aVF (3-1)", MINNESOTA, _minnesota_high_r
    ),
    "cornell": Criterion("HYP", "R in aVL + S in V3 >= 2.4 mV", AHA_V, lambda c: _limb_r(c, "cornell_mv", 2.4)),
    "cornell_product": Criterion(
        "HYP", "Cornell voltage x QRS >= 244 mV ms", AHA_V, lambda c: _limb_r(c, "cornell_product_mv_ms", 244)
    ),
    "r_avl": Criterion("HYP", "R in aVL > 1.1 mV", AHA_V, lambda c: _limb_r(c, "r_mv_aVL", 1.1)),
    "gubner": Criterion("HYP", "R in I + S in III >= 2.5 mV", AHA_V, lambda c: _limb_r(c, "gubner_mv", 2.5)),
    "strain": Criterion("HYP", "high voltage and T not upright in V5 or V6", ROMHILT, _strain),
    "p_terminal_force": Criterion(
        "HYP",
        "P terminal force in V1 >= 4 mV ms",
        "Morris et al., Circulation 1964",
        lambda c: above(c["p_terminal_mv_ms_V1"], 4, 1),
        0.5,
    ),
    "tall_p": Criterion("HYP", "P > 0.25 mV in II", AHA_V, lambda c: above(c["p_mv_II"], 0.25, 0.03)),
    "right_ventricle": Criterion(
        "HYP", "right axis, and R in V1 + S in V5 or V6 > 1.05 mV or R in V1 > 0.6 mV", AHA_V, _right_voltage
    ),
}
"""Every criterion, by name."""


def criterion_grades(table: Table) -> FloatArray:
    """Grade every criterion.

    Args:
        table: name of ``MEASUREMENTS`` -> (record,); a DataFrame of measurements is one.

    Returns:
        (record, criterion) in [0, 1], columns in the order of ``CRITERIA``; 0 where a measurement is missing.
    """
    columns = {name: np.asarray(table[name], dtype=np.float64) for name in MEASUREMENTS}
    return np.stack([criterion.grade(columns) for criterion in CRITERIA.values()], axis=1)


def superclass_scores(table: Table) -> FloatArray:
    """Score recordings for the five superclasses by textbook criteria alone.

    Args:
        table: name of ``MEASUREMENTS`` -> (record,); a DataFrame of measurements is one.

    Returns:
        (record, 5) in [0, 1] in the order of ``SUPERCLASSES``: weak knowledge for ranking, no probabilities.
    """
    grades = criterion_grades(table)
    counts = [
        [criterion.points * (criterion.superclass == name) for name in SUPERCLASSES[1:]]
        for criterion in CRITERIA.values()
    ]
    points = grades @ np.array(counts)
    return np.concatenate([np.exp(-points.sum(axis=1, keepdims=True)), 1 - np.exp(-points)], axis=1)
