"""Label sets against a slow loop over the definition, and their promise on exchangeable records."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.conformal import LabelConditional, measure_coverage


def cohort(rng, n_records, n_classes=3):
    targets = (rng.random((n_records, n_classes)) < [0.2, 0.5, 0.1][:n_classes]).astype(np.uint8)
    return targets, np.round(targets * 1.2 + rng.normal(size=targets.shape), 1)  # rounded: ties


def test_p_values_follow_the_definition(rng):
    targets, scores = cohort(rng, 60)
    _, new = cohort(rng, 20)
    yes, no = LabelConditional(targets, scores).p_values(new)
    for record in range(20):
        for label in range(3):
            fits_yes = [s <= new[record, label] for s, t in zip(scores[:, label], targets[:, label], strict=True) if t]
            fits_no = [
                s >= new[record, label] for s, t in zip(scores[:, label], targets[:, label], strict=True) if not t
            ]
            assert yes[record, label] == pytest.approx((1 + sum(fits_yes)) / (1 + len(fits_yes)))
            assert no[record, label] == pytest.approx((1 + sum(fits_no)) / (1 + len(fits_no)))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_promise_holds_on_average_over_calibration_sets_within_each_answer(rng, coverage):
    kept = []
    for _ in range(150):
        targets, scores = cohort(rng, 200)
        new_targets, new_scores = cohort(rng, 200)
        found = measure_coverage(new_targets, LabelConditional(targets, scores).open_answers(new_scores, coverage))
        kept.append([found.present, found.absent])
    mean = np.nanmean(kept, axis=0)
    assert (mean > coverage - 0.012).all()
    assert (mean < coverage + 0.08).all()  # few positives and ties keep more than was promised


def test_without_records_of_an_answer_it_is_never_struck_out():
    targets, scores = np.zeros((40, 1), np.uint8), np.linspace(0, 1, 40)[:, None]
    no_yes = LabelConditional(targets, scores).open_answers([[-5.0], [0.5], [5.0]], 0.9)
    np.testing.assert_array_equal(no_yes[:, 0], [[True, True], [True, True], [False, True]])


def test_separated_answers_leave_none_in_between():
    targets = np.repeat([0, 1], 50)[:, None]
    scores = np.r_[np.linspace(0, 1, 50), np.linspace(9, 10, 50)][:, None]
    model = LabelConditional(targets.astype(np.uint8), scores)
    np.testing.assert_array_equal(
        model.open_answers([[0.5], [5.0], [9.5]], 0.9)[:, 0], [[True, False], [False, False], [False, True]]
    )


def test_coverage_is_counted_per_answer():
    targets = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])
    left_open = np.zeros((4, 2, 2), bool)
    left_open[0, 0] = [False, True]  # right
    left_open[1, 0] = [True, False]  # wrong
    left_open[2, 0] = [True, True]  # both
    left_open[:, 1, 0] = True
    found = measure_coverage(targets, left_open)
    np.testing.assert_array_equal(found.present, [0.5, np.nan])
    np.testing.assert_array_equal(found.absent, [0.5, 1.0])
    np.testing.assert_array_equal(found.single, [0.5, 1.0])
    np.testing.assert_array_equal(found.both, [0.25, 0.0])


def test_a_promise_outside_0_and_1_is_refused(rng):
    with pytest.raises(InputError, match="level"):
        LabelConditional(*cohort(rng, 10)).open_answers(np.zeros((1, 3)), 1.0)
