from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ssrl_ecg.metrics.ranking import ClassRanking

#: (target, score) pairs with many tied scores, and at least one record of each kind.
tied_records = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=30).filter(
    lambda rows: len({target for target, _ in rows}) == 2
)


def _columns(rows):
    target, score = (np.array(column) for column in zip(*rows, strict=True))
    return target.astype(np.uint8), score.astype(float)


def _slow_auroc(target, score):
    pairs = [(p > n) + 0.5 * (p == n) for p in score[target == 1] for n in score[target == 0]]
    return np.mean(pairs)


def _slow_average_precision(target, score):
    area, found = 0.0, 0
    for threshold in sorted(set(score), reverse=True):
        called = score >= threshold
        area += (target[called].sum() - found) / target.sum() * target[called].mean()
        found = target[called].sum()
    return area


@given(tied_records)
def test_pairs_and_thresholds_counted_one_by_one_agree(rows):
    target, score = _columns(rows)
    ranking, once = ClassRanking.of(target, score), np.ones(len(target))
    assert ranking.auroc(once) == pytest.approx(_slow_auroc(target, score))
    assert ranking.average_precision(once) == pytest.approx(_slow_average_precision(target, score))


@given(tied_records, st.integers(0, 2**32 - 1))
def test_counting_a_record_is_repeating_it(rows, seed):
    target, score = _columns(rows)
    counts = np.random.default_rng(seed).integers(0, 4, size=(3, len(target)))
    ranking = ClassRanking.of(target, score)
    auroc, precision = ranking.auroc(counts), ranking.average_precision(counts)
    for replicate, drawn in enumerate(counts):
        repeated, repeated_score = np.repeat(target, drawn), np.repeat(score, drawn)
        if len(set(repeated)) < 2:
            assert np.isnan(auroc[replicate])
            assert np.isnan(precision[replicate])
        else:
            assert auroc[replicate] == pytest.approx(roc_auc_score(repeated, repeated_score))
            assert precision[replicate] == pytest.approx(average_precision_score(repeated, repeated_score))


@given(tied_records)
def test_auroc_keeps_under_monotone_maps_and_turns_over_with_the_sign(rows):
    target, score = _columns(rows)
    once = np.ones(len(target))
    auroc = ClassRanking.of(target, score).auroc(once)
    assert ClassRanking.of(target, np.exp(score)).auroc(once) == auroc
    assert ClassRanking.of(target, -score).auroc(once) == pytest.approx(1 - auroc)
    assert ClassRanking.of(1 - target, score).auroc(once) == pytest.approx(1 - auroc)


def test_counts_may_have_any_leading_axes(rng):
    target, score = rng.integers(0, 2, 40).astype(np.uint8), rng.normal(size=40)
    counts = rng.integers(0, 3, size=(2, 5, 40))
    ranking = ClassRanking.of(target, score)
    assert ranking.auroc(counts).shape == (2, 5)
    np.testing.assert_array_equal(ranking.auroc(counts)[1, 3], ranking.auroc(counts[1, 3]))


@pytest.mark.parametrize("target", [np.zeros(5, dtype=np.uint8), np.ones(5, dtype=np.uint8)])
def test_one_sided_classes_are_undefined(target):
    ranking = ClassRanking.of(target, np.arange(5.0))
    assert np.isnan(ranking.auroc(np.ones(5)))
    assert np.isnan(ranking.average_precision(np.ones(5)))
