"""Do probabilities mean what they say? Brier score, logistic recalibration, equal-mass calibration error, reliability.

Calibration slope and intercept ask how the log-odds would have to be stretched and shifted to fit the outcomes
(Cox 1958): slope below 1 says too extreme, intercept below 0 says too high. Nothing here is regularised, so outcomes
that the scores separate perfectly have no finite fit: NaN, and named in the report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import rankdata

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, Targets, checked, checked_classes, macro
from ssrl_ecg.metrics.multilabel import undefined_classes
from ssrl_ecg.metrics.plain import Report

#: Bins of the calibration error and the reliability curve.
N_BINS = 10

#: Probabilities are kept this far from 0 and 1 before taking log-odds: the step of a float32 sigmoid below 1.
SMALLEST_PROBABILITY = 2.0**-24


def probabilities_from_logits(logits: ArrayLike, temperature: float = 1.0) -> FloatArray:
    """Sigmoid of logits / temperature, without overflow at any logit.

    Args:
        logits: any shape.
        temperature: above 0; larger is less certain (Guo et al. 2017).

    Raises:
        InputError: a temperature that is not above 0.
    """
    if not temperature > 0:
        raise InputError("no such temperature", field="temperature", expected="above 0", found=temperature)
    probabilities: FloatArray = expit(np.asarray(logits, dtype=np.float64) / temperature)
    return probabilities


def logits_from_probabilities(probabilities: ArrayLike) -> FloatArray:
    """Log-odds of probabilities, all finite: those nearer to 0 or 1 than ``SMALLEST_PROBABILITY`` are moved there.

    Args:
        probabilities: any shape, in [0, 1].

    Raises:
        InputError: a value outside [0, 1].
    """
    array = np.asarray(probabilities, dtype=np.float64)
    if not ((array >= 0) & (array <= 1)).all():
        raise InputError("these are no probabilities", field="scores", expected="between 0 and 1")
    log_odds: FloatArray = logit(np.clip(array, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    return log_odds


def brier_score(targets: ArrayLike, probabilities: ArrayLike, counts: ArrayLike | None = None) -> FloatArray:
    """Mean squared distance between probability and outcome per class (Brier 1950); defined for every class.

    Args:
        targets: (record, class), 0 or 1.
        probabilities: (record, class), in [0, 1].
        counts: (..., record), how often each record is in the sample; None: each once.

    Returns:
        (..., class), in [0, 1]; always answering the prevalence p gives p (1 - p).
    """
    target_array, probability_array = checked(targets, probabilities)
    weights = np.ones(len(target_array)) if counts is None else np.asarray(counts, dtype=np.float64)
    score: FloatArray = (weights @ (probability_array - target_array) ** 2) / weights.sum(axis=-1, keepdims=True)
    return score


@dataclass(frozen=True)
class Recalibration:
    """What would make one class's probabilities fit its outcomes.

    Attributes:
        slope: b of logit P(outcome) = a + b logit(p); 1 is right.
        intercept: a of the same fit; 0 is right.
        in_the_large: a when b is held at 1: how far probabilities are too low (above 0) or too high on the whole.
    """

    slope: float
    intercept: float
    in_the_large: float


def recalibration(target: ArrayLike, probability: ArrayLike) -> Recalibration:
    """Fit outcomes by the log-odds of one class, by maximum likelihood.

    Args:
        target: (record,), 0 or 1.
        probability: (record,), in [0, 1].

    Returns:
        Slope and intercept, both NaN where there is no finite maximum (some cut separates the outcomes perfectly, or
        all probabilities are equal); all three NaN without positives or without negatives.
    """
    outcome = np.asarray(target, dtype=np.float64)
    log_odds = logits_from_probabilities(probability)
    if np.ptp(outcome) == 0:
        return Recalibration(np.nan, np.nan, np.nan)
    in_the_large = float(_fit(outcome, np.ones((len(outcome), 1)), offset=log_odds)[0])
    positive, negative = log_odds[outcome == 1], log_odds[outcome == 0]
    if positive.min() >= negative.max() or positive.max() <= negative.min():
        return Recalibration(np.nan, np.nan, in_the_large)
    # On a common scale the two parameters are equally easy to find.
    centre, spread = log_odds.mean(), log_odds.std()
    design = np.stack([np.ones_like(log_odds), (log_odds - centre) / spread], axis=1)
    level, steepness = _fit(outcome, design, offset=np.zeros_like(log_odds))
    slope = float(steepness / spread)
    return Recalibration(slope, float(level - slope * centre), in_the_large)


def _fit(outcome: FloatArray, design: FloatArray, offset: FloatArray) -> FloatArray:
    """Coefficients of a logistic regression (record, column) with a fixed offset (record,), unregularised."""

    def loss(coefficients: FloatArray) -> float:
        log_odds = design @ coefficients + offset
        return float((np.logaddexp(0, log_odds) - outcome * log_odds).mean())

    def gradient(coefficients: FloatArray) -> FloatArray:
        slope: FloatArray = design.T @ (expit(design @ coefficients + offset) - outcome) / len(outcome)
        return slope

    def curvature(coefficients: FloatArray) -> FloatArray:
        probability = expit(design @ coefficients + offset)
        matrix: FloatArray = (design.T * (probability * (1 - probability))) @ design / len(outcome)
        return matrix

    start = np.zeros(design.shape[1])
    found = minimize(loss, start, jac=gradient, hess=curvature, method="trust-exact", options={"gtol": 1e-9})
    return np.asarray(found.x, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class ReliabilityCurve(Report):
    """Predicted against observed in bins of equally many records, by ascending probability.

    Attributes:
        predicted: (bin,), mean probability.
        observed: (bin,), share of positives.
        n_records: (bin,), records in the bin, never 0.
    """

    predicted: FloatArray
    observed: FloatArray
    n_records: NDArray[np.int64]

    @property
    def calibration_error(self) -> float:
        """Mean distance between predicted and observed, bins weighted by their records."""
        distance = np.abs(self.predicted - self.observed)
        return float((self.n_records * distance).sum() / self.n_records.sum())


def reliability_curve(target: ArrayLike, probability: ArrayLike, n_bins: int = N_BINS) -> ReliabilityCurve:
    """Group one class's records into bins of equal mass and compare mean probability with the share of positives.

    Equal probabilities share a bin (they are placed by their mean rank), so the curve does not depend on the order of
    the records; with many ties, or fewer records than bins, there are fewer bins.

    Args:
        target: (record,), 0 or 1.
        probability: (record,), in [0, 1].
        n_bins: at least 1.

    Raises:
        InputError: no bin, or what ``checked`` refuses.
    """
    if n_bins < 1:
        raise InputError("no such number of bins", field="n_bins", expected="1 or more", found=n_bins)
    targets, probabilities = checked(np.reshape(target, (-1, 1)), np.reshape(probability, (-1, 1)))
    place = (rankdata(probabilities[:, 0]) - 0.5) / len(probabilities)
    occupied, bins = np.unique(np.floor(place * n_bins), return_inverse=True)
    n_records = np.bincount(bins, minlength=len(occupied))
    return ReliabilityCurve(
        predicted=np.bincount(bins, weights=probabilities[:, 0]) / n_records,
        observed=np.bincount(bins, weights=targets[:, 0]) / n_records,
        n_records=n_records,
    )


def adaptive_calibration_error(targets: ArrayLike, probabilities: ArrayLike, n_bins: int = N_BINS) -> FloatArray:
    """Expected calibration error of each class over bins of equal mass (Nixon et al. 2019).

    It is never 0 by chance alone: even perfectly calibrated probabilities give about the sampling error of a bin.

    Args:
        targets: (record, class), 0 or 1.
        probabilities: (record, class), in [0, 1].
        n_bins: at least 1.

    Returns:
        (class,), in [0, 1].
    """
    target_array, probability_array = checked(targets, probabilities)
    return np.array(
        [
            reliability_curve(target, probability, n_bins).calibration_error
            for target, probability in zip(target_array.T, probability_array.T, strict=True)
        ]
    )


@dataclass(frozen=True, kw_only=True)
class CalibrationReport(Report):
    """Calibration of every class.

    Attributes:
        per_class: metric -> class -> value; metrics are ``brier``, ``ece``, ``slope``, ``intercept``, ``in_the_large``.
        macro: metric -> mean over the classes where it is defined.
        curves: class -> reliability curve.
        undefined: metric -> classes that have no value and are not in its macro mean; only metrics with such classes.
        separated: classes with positives and negatives that some cut of the probabilities parts perfectly (or that have
            one probability throughout), so that slope and intercept do not exist.
    """

    per_class: dict[str, dict[str, float]]
    macro: dict[str, float]
    curves: dict[str, ReliabilityCurve]
    undefined: dict[str, tuple[str, ...]]
    separated: tuple[str, ...]


def calibration_report(
    targets: ArrayLike, probabilities: ArrayLike, classes: tuple[str, ...], n_bins: int = N_BINS
) -> CalibrationReport:
    """Evaluate the calibration of probabilities, class by class and as macro mean.

    Args:
        targets: (record, class), 0 or 1.
        probabilities: (record, class), in [0, 1].
        classes: one name per column.
        n_bins: of the calibration error and the curves.

    Raises:
        InputError: values outside [0, 1], and what ``checked`` and ``checked_classes`` refuse.
    """
    target_array, probability_array = checked(targets, probabilities)
    names = checked_classes(classes, target_array)
    columns: list[tuple[Targets, FloatArray]] = list(zip(target_array.T, probability_array.T, strict=True))
    fits = [recalibration(target, probability) for target, probability in columns]
    values = {
        "brier": brier_score(target_array, probability_array),
        "ece": adaptive_calibration_error(target_array, probability_array, n_bins),
        "slope": np.array([fit.slope for fit in fits]),
        "intercept": np.array([fit.intercept for fit in fits]),
        "in_the_large": np.array([fit.in_the_large for fit in fits]),
    }
    without_fit = np.isnan(values["slope"]) & ~np.isnan(values["in_the_large"])
    return CalibrationReport(
        per_class={metric: dict(zip(names, value.tolist(), strict=True)) for metric, value in values.items()},
        macro={metric: macro(value) for metric, value in values.items()},
        curves={name: reliability_curve(*column, n_bins) for name, column in zip(names, columns, strict=True)},
        undefined=undefined_classes(values, names),
        separated=tuple(name for name, missing in zip(names, without_fit, strict=True) if missing),
    )
