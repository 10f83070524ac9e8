"""Recalibration against scikit-learn's sigmoid calibration, SciPy, and data that are calibrated by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import _SigmoidCalibration

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.calibration import adaptive_calibration_error
from ssrl_ecg.metrics.platt import cross_fitted_probabilities, fit_recalibration, uncalibrated


def overconfident(rng, n_records=4000):
    truth = rng.normal(size=(n_records, 2)) * 1.5 + [-1.0, 0.5]
    targets = (rng.random(truth.shape) < expit(truth)).astype(np.uint8)
    return targets, 3 * truth + 1, truth


def test_equals_the_sigmoid_calibration_of_scikit_learn(rng):
    targets, logits, _ = overconfident(rng, 300)
    fitted = fit_recalibration(targets, logits, exclusive=False)
    for column in range(2):
        theirs = _SigmoidCalibration().fit(logits[:, column], targets[:, column])
        np.testing.assert_allclose(
            fitted.probabilities(logits)[:, column], theirs.predict(logits[:, column]), atol=2e-3
        )


def test_recovers_the_scale_that_the_outcomes_were_drawn_with(rng):
    targets, logits, truth = overconfident(rng)
    fitted = fit_recalibration(targets, logits, exclusive=False)
    np.testing.assert_allclose(fitted.slope, 1 / 3, atol=0.03)
    np.testing.assert_allclose(fitted.intercept, -1 / 3, atol=0.1)
    before = adaptive_calibration_error(targets, uncalibrated(2, exclusive=False).probabilities(logits))
    after = adaptive_calibration_error(targets, fitted.probabilities(logits))
    assert (after < before / 2).all()
    np.testing.assert_allclose(uncalibrated(2, exclusive=False).probabilities(truth), expit(truth))


def test_exclusive_classes_share_the_temperature_of_the_largest_likelihood(rng):
    truth = rng.normal(size=(2000, 3))
    drawn = [rng.choice(3, p=row) for row in softmax(truth, axis=1)]
    targets, logits = np.eye(3, dtype=np.uint8)[drawn], truth * 2.5
    fitted = fit_recalibration(targets, logits, exclusive=True)

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[targets == 1].mean()

    wanted = minimize(loss, [1.0], method="Nelder-Mead").x[0]
    np.testing.assert_allclose(1 / fitted.slope, wanted, rtol=1e-3)
    assert np.ptp(fitted.slope) == 0 == np.abs(fitted.intercept).max()
    assert wanted == pytest.approx(2.5, rel=0.1)
    np.testing.assert_allclose(fitted.probabilities(logits).sum(axis=1), 1)


def test_classes_that_cannot_be_ranked_get_their_prevalence_and_separated_ones_stay_finite():
    logits = np.array([[-2.0, 2.0, 1.0], [-1.0, 1.0, 2.0], [1.0, -1.0, 3.0], [2.0, -2.0, 4.0]])
    targets = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]])
    fitted = fit_recalibration(targets, logits, exclusive=False)
    probabilities = fitted.probabilities(logits)
    assert 0 < fitted.slope[0] < 10
    assert probabilities[0, 0] < 0.5 < probabilities[3, 0]
    np.testing.assert_array_equal(fitted.slope[1:], 0)
    np.testing.assert_allclose(probabilities[:, 1], 0.5)
    np.testing.assert_allclose(probabilities[:, 2], 1 / 6)


def test_cross_fitting_never_sees_the_patient_it_calibrates(rng):
    targets, logits, _ = overconfident(rng, 200)
    patients = np.repeat(np.arange(100), 2)
    found = cross_fitted_probabilities(targets, logits, patients, exclusive=False)
    poisoned = targets.copy()
    poisoned[:2] = 1 - poisoned[:2]
    again = cross_fitted_probabilities(poisoned, logits, patients, exclusive=False)
    same_part = np.isin(patients % 5, [0])
    np.testing.assert_array_equal(again[same_part], found[same_part])
    assert not np.allclose(again[~same_part], found[~same_part], rtol=1e-12)
    left = fit_recalibration(targets[~same_part], logits[~same_part], exclusive=False)
    np.testing.assert_array_equal(found[same_part], left.probabilities(logits[same_part]))


def test_too_few_patients_are_refused(rng):
    targets, logits, _ = overconfident(rng, 8)
    with pytest.raises(InputError, match="too few patients"):
        cross_fitted_probabilities(targets, logits, ["a"] * 8, exclusive=False)
