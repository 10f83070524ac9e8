"""Grades at and around their limits, what each criterion reads, and how grades add up to scores."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES, PTBXL
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.evaluation.measurement_table import measure_records
from ssrl_ecg.signals.criteria import (
    CRITERIA,
    SUPERCLASSES,
    above,
    all_of,
    any_of,
    below,
    criterion_grades,
    superclass_scores,
    two_of,
)
from ssrl_ecg.signals.measurements import MEASUREMENTS, measure

NORMAL = {
    **dict.fromkeys(MEASUREMENTS, 0.0),
    **{"qrs_ms": 90.0, "pr_ms": 160.0, "qtc_fridericia_ms": 410.0, "qrs_axis_degrees": 45.0},
    **{f"r_mv_{lead}": 0.8 for lead in ("I", "II", "aVF", "V3", "V4", "V5", "V6")},
    **{f"t_mv_{lead}": 0.3 for lead in ("I", "II", "III", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")},
    **{"sokolow_lyon_mv": 2.0, "r_peak_ms_V5": 40.0, "r_peak_ms_V6": 40.0, "qrs_terminal_mv_V1": -0.3},
}
"""A textbook's normal ECG, as far as criteria look at it."""

SIGNS = {
    "wide_qrs": {"qrs_ms": 140},
    "slow_qrs": {"qrs_ms": 125},
    "left_bundle_branch_block": {"qrs_ms": 150, "r_peak_ms_V6": 80},
    "right_bundle_branch_block": {"qrs_ms": 140, "r_prime_mv_V1": 0.8, "qrs_terminal_mv_V1": 0.4, "s_ms_I": 60},
    "r_prime_v1": {"r_prime_mv_V1": 0.4, "qrs_terminal_mv_V1": 0.2},
    "left_anterior_fascicular_block": {"qrs_axis_degrees": -60, "r_mv_aVL": 0.8, "s_mv_III": 1.0},
    "left_axis": {"qrs_axis_degrees": -60},
    "right_axis": {"qrs_axis_degrees": 120},
    "long_pr": {"pr_ms": 240},
    "q_inferior": {"q_ms_III": 45, "q_mv_III": 0.3, "q_ms_aVF": 45, "q_mv_aVF": 0.3, "r_mv_aVF": 0.3},
    "q_lateral": {"q_ms_I": 45, "q_mv_I": 0.4, "q_ms_aVL": 45, "q_mv_aVL": 0.4, "r_mv_I": 0.3},
    "q_anterior": {"q_ms_V1": 60, "q_mv_V1": 1.0, "q_ms_V2": 60, "q_mv_V2": 1.0},
    "qs_v2_v3": {"q_ms_V2": 60, "q_mv_V2": 1.0},
    "poor_r_progression": {"r_mv_V3": 0.05},
    "contiguous_t_inversion": {"t_mv_V2": -0.3, "t_mv_V3": -0.3},
    "st_elevation": {"st_j_mv_II": 0.25, "st_j_mv_aVF": 0.25},
    "st_depression": {"st_j60_mv_V5": -0.15, "st_j60_mv_V6": -0.15},
    "t_inversion": {"t_mv_I": -0.3, "t_mv_aVL": -0.3},
    "flat_t": {"t_mv_V5": 0.01, "t_mv_V6": 0.01},
    "long_qt": {"qtc_fridericia_ms": 500},
    "wide_qrs_t_angle": {"qrs_t_frontal_degrees": 160},
    "sokolow_lyon": {"sokolow_lyon_mv": 4.5},
    "minnesota_high_r": {"r_mv_V5": 3.5},
    "cornell": {"cornell_mv": 3.5},
    "cornell_product": {"cornell_product_mv_ms": 350},
    "r_avl": {"r_mv_aVL": 1.6},
    "gubner": {"gubner_mv": 3.5},
    "strain": {"sokolow_lyon_mv": 5, "t_mv_V6": -0.2},
    "p_terminal_force": {"p_terminal_mv_ms_V1": 8},
    "tall_p": {"p_mv_II": 0.4},
    "right_ventricle": {"qrs_axis_degrees": 130, "r_mv_V1": 1.0},
}


def table(**changes):
    return {name: np.array([value]) for name, value in {**NORMAL, **changes}.items()}


def test_every_criterion_is_met_by_its_sign_and_not_by_a_normal_ecg():
    assert list(SIGNS) == list(CRITERIA)
    normal = dict(zip(CRITERIA, criterion_grades(table())[0], strict=True))
    for name, signs in SIGNS.items():
        assert normal[name] < 0.12, name
        assert CRITERIA[name].grade(table(**signs))[0] > 0.85, name


def test_normal_scores_highest_without_signs_and_each_class_with_its_own():
    assert SUPERCLASSES == DIAGNOSTIC_CLASSES
    normal = superclass_scores(table())[0]
    assert normal.argmax() == 0
    for name, signs in SIGNS.items():
        scores = superclass_scores(table(**signs))[0]
        own = SUPERCLASSES.index(CRITERIA[name].superclass)
        assert scores[own] > normal[own] + 0.1, name
        assert scores[0] < normal[0], name


def test_scores_are_points_added_up_by_a_slow_loop():
    rng = np.random.default_rng(0)
    columns = {name: values + rng.normal(0, 0.3 * np.abs(values) + 0.1, 20) for name, values in table().items()}
    scores = superclass_scores(columns)
    for record in range(20):
        points = dict.fromkeys(SUPERCLASSES[1:], 0.0)
        for criterion in CRITERIA.values():
            points[criterion.superclass] += criterion.points * criterion.grade(columns)[record]
        expected = [np.exp(-sum(points.values())), *(1 - np.exp(-value) for value in points.values())]
        np.testing.assert_allclose(scores[record], expected)


def test_bundle_branch_block_hides_what_its_sources_forbid_to_read():
    block = {"qrs_ms": 150, "r_peak_ms_V6": 80}
    for name in ("t_inversion", "flat_t", "st_depression", "strain", "wide_qrs_t_angle", "q_anterior", "qs_v2_v3"):
        assert CRITERIA[name].grade(table(**SIGNS[name], **block))[0] < 0.15, name


def test_missing_measurements_meet_nothing():
    unknown = {name: np.array([np.nan]) for name in MEASUREMENTS}
    assert criterion_grades(unknown).max() == 0
    np.testing.assert_array_equal(superclass_scores(unknown), [[1, 0, 0, 0, 0]])


def test_grades_around_a_limit():
    np.testing.assert_allclose(above([110, 120, 130], 120, 5), [1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2)])
    np.testing.assert_allclose(below([110, 120, 130], 120, 5), above([130, 120, 110], 120, 5))
    assert above([np.nan], 0, 1)[0] == below([np.nan], 0, 1)[0] == 0
    assert np.isfinite(above([-1e300, 1e300], 0, 1e-3)).all()
    low, middle, high = (np.array([value]) for value in (0.1, 0.4, 0.9))
    assert (all_of(low, high), any_of(low, high), two_of(low, high, middle)) == (low, high, middle)


def test_a_data_frame_is_a_table():
    np.testing.assert_array_equal(superclass_scores(pd.DataFrame(table())), superclass_scores(table()))


def test_simulated_diseases_are_ranked(truth):
    """The simulator's diseases are made of the same textbook signs, so that the criteria must see them."""
    simulated = simulate(400, generator=np.random.default_rng(5), sampling_rate_hz=100, severity=(0.6, 1.0))
    rows = [measure(simulated.signal_mv[k], 100.0, truth(simulated, k)).values for k in range(400)]
    scores = superclass_scores(pd.DataFrame(rows))
    assert roc_auc_score(simulated.labels, scores, average=None).min() > 0.8


@pytest.mark.real_data
@pytest.mark.slow
def test_zero_label_bar_on_the_folds_that_choices_are_made_on(ptbxl_root: Path):
    source = PTBXL(ptbxl_root, 100)
    records = source.records()
    rows = np.flatnonzero(records["fold"] <= 6)
    measured = measure_records(source, rows, n_jobs=os.cpu_count() or 1)
    labels = source.label_sets(records.iloc[rows])["super"].values
    assert roc_auc_score(labels, superclass_scores(measured.values), average="macro") >= 0.82
