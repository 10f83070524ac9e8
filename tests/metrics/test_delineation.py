from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.delineation import Detection, compare_times, compare_waves, match_times

NAN = float("nan")

milliseconds = st.lists(st.integers(0, 600), max_size=14)


def slow_match(annotated_ms, predicted_ms, tolerance_ms):
    """Search all pairs for the closest free one, again and again."""
    free_a, free_p, pairs = set(range(len(annotated_ms))), set(range(len(predicted_ms))), []
    while True:
        near = [(abs(annotated_ms[a] - predicted_ms[p]), a, p) for a in free_a for p in free_p]
        if not near or min(near)[0] > tolerance_ms:
            return sorted(pairs)
        _, a, p = min(near)
        pairs.append([a, p])
        free_a.remove(a)
        free_p.remove(p)


@given(milliseconds, milliseconds, st.sampled_from([0, 4, 40, 150]))
def test_matching_equals_a_search_over_all_pairs(annotated_ms, predicted_ms, tolerance_ms):
    annotated, predicted = sorted(annotated_ms), sorted(predicted_ms)
    pairs = match_times(np.array(annotated) / 1000, np.array(predicted) / 1000, tolerance_ms / 1000)
    assert pairs.tolist() == slow_match(annotated, predicted, tolerance_ms)


def test_well_separated_times_are_assigned_with_the_least_total_error():
    rng = np.random.default_rng(0)
    annotated = np.cumsum(rng.uniform(0.5, 1.2, 300))
    predicted = np.sort(np.delete(annotated + rng.normal(0, 0.03, 300), rng.integers(0, 300, 20)))
    predicted = np.sort(np.append(predicted, rng.uniform(0, annotated[-1], 15)))
    distance = np.abs(annotated[:, None] - predicted)
    rows, columns = linear_sum_assignment(np.where(distance <= 0.15, distance, 1e3))
    wanted = [pair for pair in zip(rows, columns, strict=True) if distance[pair] <= 0.15]
    assert match_times(annotated, predicted, 0.15).tolist() == [list(map(int, pair)) for pair in wanted]


def test_a_distance_equal_to_the_tolerance_matches_on_any_grid():
    samples = np.arange(0, 5000, 43)
    assert len(match_times(samples / 500, (samples + 20) / 500, 0.04)) == len(samples)
    assert len(match_times(samples / 500, (samples + 21) / 500, 0.04)) == 0


def test_counts_and_errors_of_a_case_worked_by_hand():
    found = compare_times([1.0, 2.0, 3.0, 4.0], [1.01, 2.03, 2.5, 4.2], 0.05)
    assert found.errors_ms == pytest.approx([10, 30])
    assert (found.n_found, found.n_missed, found.n_false) == (2, 2, 2)
    assert (found.sensitivity, found.ppv, found.f1) == (0.5, 0.5, 0.5)
    assert found.mean_error_ms == pytest.approx(20)
    assert found.sd_error_ms == pytest.approx(np.sqrt(200))


def test_early_is_negative():
    assert compare_times([1.0], [0.98], 0.05).mean_error_ms == pytest.approx(-20)


def test_a_constant_offset_passes_only_a_wide_tolerance():
    annotated = np.arange(1.0, 9.0)
    assert compare_times(annotated, annotated + 0.06, 0.15).f1 == 1
    assert compare_times(annotated, annotated + 0.06, 0.04).f1 == 0


def test_outside_the_span_a_prediction_may_match_but_is_never_false():
    times = {"annotated_s": [2.0, 3.0], "predicted_s": [0.5, 1.5, 1.99, 2.5, 3.02, 3.5], "tolerance_s": 0.04}
    assert (compare_times(**times).n_found, compare_times(**times).n_false) == (2, 4)
    inside = compare_times(**times, span_s=(2.0, 3.0))
    assert (inside.n_found, inside.n_missed, inside.n_false) == (2, 0, 1)
    assert compare_times(**times, span_s=(1.5, 3.5)).n_false == 3


def test_unscored_intervals_forgive_predictions_but_not_misses():
    unscored = compare_times([5.0], [2.0, 3.0, 4.0], 0.1, unscored_s=[[1.9, 3.0]])
    assert (unscored.n_found, unscored.n_missed, unscored.n_false) == (0, 1, 1)


def test_nan_is_neither_annotated_nor_predicted():
    found = compare_times([NAN, 1.0], [NAN, NAN, 1.0], 0.1)
    assert (found.n_found, found.n_missed, found.n_false) == (1, 0, 0)


def test_waves_are_compared_mark_by_mark():
    annotated = [[1.0, 1.05, 1.1], [2.0, 2.05, 2.1]]
    predicted = [[1.01, 1.05, 1.09], [NAN, NAN, NAN], [2.02, NAN, 2.1]]
    found = compare_waves(annotated, predicted, 0.04)
    assert found["onset"].errors_ms == pytest.approx([10, 20])
    assert (found["peak"].n_found, found["peak"].n_missed, found["peak"].n_false) == (1, 1, 0)
    assert found["offset"].errors_ms == pytest.approx([-10, 0])


def test_a_mark_that_was_not_annotated_is_not_scored():
    annotated = [[NAN, 1.05, 1.1], [2.0, 2.05, 2.1]]
    predicted = [[1.02, 1.05, 1.1], [2.0, 2.05, 2.1], [3.0, 3.05, 3.1]]
    onset = compare_waves(annotated, predicted, 0.04)["onset"]
    assert (onset.n_found, onset.n_missed, onset.n_false) == (1, 0, 1)
    assert compare_waves(annotated, predicted, 0.02)["onset"].n_false == 2


def test_no_waves_at_all():
    nothing = compare_waves(np.zeros((0, 3)), np.zeros((0, 3)), 0.04)["peak"]
    assert np.isnan([nothing.sensitivity, nothing.ppv, nothing.f1, nothing.mean_error_ms, nothing.sd_error_ms]).all()
    assert compare_waves([], [[1.0, 1.1, 1.2]], 0.04)["peak"].n_false == 1
    assert compare_waves([[1.0, 1.1, 1.2]], [], 0.04)["peak"].n_missed == 1


def test_pooling_weighs_every_time_alike():
    one, other = Detection(np.array([1.0, 3.0]), 2, 0), Detection(np.array([8.0]), 0, 3)
    pooled = Detection.pooled([one, other])
    assert (pooled.n_found, pooled.n_missed, pooled.n_false, pooled.mean_error_ms) == (3, 2, 3, 4.0)
    assert pooled.f1 == pytest.approx(2 * pooled.ppv * pooled.sensitivity / (pooled.ppv + pooled.sensitivity))
    assert Detection.pooled([]).n_found == 0
    assert np.isnan(Detection.pooled([other]).sd_error_ms)


@pytest.mark.parametrize("times", [[2.0, 1.0], [1.0, NAN], [[1.0]]])
def test_matching_refuses_times_that_are_not_a_row_in_order(times):
    with pytest.raises(InputError, match="annotated_s"):
        match_times(times, [1.0], 0.1)
    with pytest.raises(InputError, match="predicted_s"):
        match_times([1.0], times, 0.1)
