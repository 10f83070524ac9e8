from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import resampled
from ssrl_ecg.metrics.calibration import (
    SMALLEST_PROBABILITY,
    adaptive_calibration_error,
    brier_score,
    calibration_report,
    logits_from_probabilities,
    probabilities_from_logits,
    recalibration,
    reliability_curve,
)


def _outcomes(rng, log_odds):
    return (rng.random(log_odds.shape) < expit(log_odds)).astype(np.uint8)


def test_logits_and_probabilities_invert_each_other_and_never_overflow():
    logits = np.linspace(-12, 12, 49)
    np.testing.assert_allclose(logits_from_probabilities(probabilities_from_logits(logits)), logits, rtol=1e-6)
    np.testing.assert_array_equal(probabilities_from_logits([-1e4, 1e4]), [0.0, 1.0])
    np.testing.assert_allclose(
        logits_from_probabilities([0.0, 1.0]), logit([SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY])
    )
    np.testing.assert_allclose(probabilities_from_logits(logits, temperature=2.0), expit(logits / 2))


def test_impossible_probabilities_and_temperatures_are_refused():
    with pytest.raises(InputError, match="no probabilities"):
        logits_from_probabilities([0.5, 1.2])
    with pytest.raises(InputError, match="temperature"):
        probabilities_from_logits([0.0], temperature=0.0)


def test_brier_score_agrees_with_scikit_learn_and_counts_records(rng):
    probabilities = rng.random((80, 2))
    targets = (rng.random((80, 2)) < probabilities).astype(np.uint8)
    expected = [brier_score_loss(targets[:, column], probabilities[:, column]) for column in range(2)]
    np.testing.assert_allclose(brier_score(targets, probabilities), expected)
    counts = rng.integers(0, 3, size=(5, 80))
    np.testing.assert_allclose(
        brier_score(targets, probabilities, counts), resampled(brier_score)(targets, probabilities, counts)
    )


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -1.0), (2.5, 0.7), (-0.5, 0.0)])
def test_recalibration_is_an_unregularised_logistic_regression(rng, slope, intercept):
    log_odds = rng.normal(scale=1.5, size=400)
    outcome = _outcomes(rng, intercept + slope * log_odds)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds[:, np.newaxis], outcome)
    found = recalibration(outcome, expit(log_odds))
    assert found.slope == pytest.approx(reference.coef_[0, 0], abs=1e-5)
    assert found.intercept == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_calibration_in_the_large_makes_the_mean_probability_fit(rng):
    log_odds = rng.normal(size=300)
    outcome = _outcomes(rng, log_odds + 0.8)
    found = recalibration(outcome, expit(log_odds))
    assert expit(log_odds + found.in_the_large).mean() == pytest.approx(outcome.mean(), abs=1e-8)


def test_stretched_log_odds_shrink_the_slope_by_the_same_factor(rng):
    log_odds = rng.normal(size=500)
    outcome = _outcomes(rng, log_odds)
    plain, stretched = (recalibration(outcome, expit(factor * log_odds)) for factor in (1.0, 3.0))
    assert stretched.slope == pytest.approx(plain.slope / 3, rel=1e-5)
    assert stretched.intercept == pytest.approx(plain.intercept, abs=1e-6)


@pytest.mark.parametrize(
    "probability",
    [
        [0.1, 0.2, 0.8, 0.9],
        [0.9, 0.8, 0.2, 0.1],
        [0.1, 0.5, 0.5, 0.9],  # parted up to a tie: the likelihood still has no maximum
        [0.3, 0.3, 0.3, 0.3],
    ],
)
def test_separated_outcomes_have_no_slope_and_are_named(probability):
    outcome = np.array([0, 0, 1, 1])
    found = recalibration(outcome, probability)
    assert np.isnan([found.slope, found.intercept]).all()
    assert np.isfinite(found.in_the_large)
    report = calibration_report(outcome[:, np.newaxis], np.array(probability)[:, np.newaxis], ("MI",))
    assert report.separated == ("MI",)
    assert report.undefined == {"slope": ("MI",), "intercept": ("MI",)}


def test_saturated_probabilities_still_have_a_fit(rng):
    probability = np.repeat([0.0, 0.5, 1.0], 20)
    outcome = np.concatenate([[1], np.zeros(19), np.tile([0, 1], 10), np.ones(19), [0]]).astype(np.uint8)
    assert 0 < recalibration(outcome, probability).slope < 1


def test_equal_mass_bins_by_hand():
    probability = np.array([0.05, 0.1, 0.2, 0.3, 0.6, 0.9])
    outcome = np.array([0, 1, 0, 0, 1, 1])
    curve = reliability_curve(outcome, probability, n_bins=3)
    np.testing.assert_allclose(curve.predicted, [0.075, 0.25, 0.75])
    np.testing.assert_allclose(curve.observed, [0.5, 0.0, 1.0])
    assert curve.n_records.tolist() == [2, 2, 2]
    assert curve.calibration_error == pytest.approx((0.425 + 0.25 + 0.25) / 3)


def test_bins_without_ties_are_the_sorted_records_cut_in_equal_parts(rng):
    probability = rng.random(97)
    outcome = (rng.random(97) < probability).astype(np.uint8)
    parts = np.array_split(np.argsort(probability), 97)
    of_bin = [
        [int(rows[0]) for place, rows in enumerate(parts) if (place + 0.5) * 10 // 97 == part] for part in range(10)
    ]
    slow = sum(len(rows) * abs(probability[rows].mean() - outcome[rows].mean()) for rows in of_bin) / 97
    assert max(map(len, of_bin)) - min(map(len, of_bin)) <= 1
    assert adaptive_calibration_error(outcome[:, np.newaxis], probability[:, np.newaxis]) == pytest.approx([slow])


def test_bins_do_not_depend_on_the_order_of_records(rng):
    probability = np.round(rng.random(60), 1)
    outcome = rng.integers(0, 2, 60)
    shuffle = rng.permutation(60)
    first, second = reliability_curve(outcome, probability), reliability_curve(outcome[shuffle], probability[shuffle])
    np.testing.assert_allclose(first.observed, second.observed)
    np.testing.assert_array_equal(first.n_records, second.n_records)


def test_fewer_records_than_bins_and_one_probability_give_fewer_bins():
    assert reliability_curve([0, 1], [0.2, 0.9]).n_records.tolist() == [1, 1]
    assert reliability_curve([0, 1, 1], [0.4, 0.4, 0.4]).n_records.tolist() == [3]
    with pytest.raises(InputError, match="bins"):
        reliability_curve([0, 1], [0.2, 0.9], n_bins=0)


def test_a_calibrated_model_has_little_error_and_slope_one(rng):
    log_odds = rng.normal(size=20_000)
    outcome = _outcomes(rng, log_odds)
    found = recalibration(outcome, expit(log_odds))
    assert found.slope == pytest.approx(1, abs=0.08)
    assert found.intercept == pytest.approx(0, abs=0.06)
    assert adaptive_calibration_error(outcome[:, np.newaxis], expit(log_odds)[:, np.newaxis])[0] < 0.02


def test_the_report_names_classes_without_positives(rng):
    probabilities = rng.random((60, 2))
    targets = (rng.random((60, 2)) < probabilities).astype(np.uint8)
    targets[:, 1] = 0
    report = calibration_report(targets, probabilities, ("NORM", "HYP"))
    assert report.undefined == dict.fromkeys(("slope", "intercept", "in_the_large"), ("HYP",))
    assert report.separated == ()
    assert report.macro["slope"] == report.per_class["slope"]["NORM"]
    assert report.per_class["brier"]["HYP"] == pytest.approx(np.mean(probabilities[:, 1] ** 2))
    assert set(report.curves) == {"NORM", "HYP"}
    json.dumps(report.to_dict(), allow_nan=False)
    with pytest.raises(InputError, match="no probabilities"):
        calibration_report(targets, 3 * probabilities, ("NORM", "HYP"))
