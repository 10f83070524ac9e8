from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrl_ecg.metrics.thresholds import DEFAULT_THRESHOLD, f1_thresholds, youden_thresholds

records = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=25).filter(
    lambda rows: len({target for target, _ in rows}) == 2
)


def _columns(rows):
    target, score = (np.array(column) for column in zip(*rows, strict=True))
    return target[:, np.newaxis], score[:, np.newaxis] / 8


def _f1(target, called):
    precision, recall = target[called].mean(), called[target == 1].mean()
    return 2 * precision * recall / (precision + recall) if precision else 0.0


def _youden(target, called):
    return called[target == 1].mean() + (~called)[target == 0].mean() - 1


@pytest.mark.parametrize(
    ("choose", "quality"),
    [(f1_thresholds, _f1), (youden_thresholds, _youden)],
)
@given(rows=records)
def test_no_other_cut_does_better_and_none_as_good_calls_fewer(choose, quality, rows):
    targets, scores = _columns(rows)
    (threshold,) = choose(targets, scores)
    chosen = scores >= threshold
    best = quality(targets, chosen)
    for cut in np.unique(scores):
        other = scores >= cut
        assert quality(targets, other) <= best + 1e-12
        if quality(targets, other) >= best - 1e-12:
            assert other.sum() >= chosen.sum()


def test_the_threshold_lies_midway_to_the_next_lower_score():
    targets, scores = np.array([[1], [1], [0], [0]]), np.array([[0.9], [0.7], [0.3], [0.1]])
    assert f1_thresholds(targets, scores) == pytest.approx([0.5])
    assert youden_thresholds(targets, scores) == pytest.approx([0.5])


def test_calling_every_record_needs_no_midway():
    targets, scores = np.array([[0], [1], [1]]), np.array([[0.9], [0.4], [0.2]])
    assert f1_thresholds(targets, scores) == [0.2]


def test_neighbouring_floats_are_still_told_apart():
    low = 0.1
    high = np.nextafter(low, 1)
    assert f1_thresholds([[1], [0]], [[high], [low]]) == [high]


def test_a_class_that_validation_says_nothing_about_gets_the_default():
    targets = np.array([[0, 1, 1], [0, 1, 0]])
    scores = np.array([[0.9, 0.2, 0.9], [0.8, 0.1, 0.1]])
    for choose in (f1_thresholds, youden_thresholds):
        assert choose(targets, scores) == pytest.approx([DEFAULT_THRESHOLD, DEFAULT_THRESHOLD, 0.5])
