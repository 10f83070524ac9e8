"""Recalibration: from a network's logits to probabilities that mean what they say, learned on validation records.

One slope and one intercept per class (Platt 1999, "Probabilistic outputs for support vector machines"), or for classes
of which a record has exactly one, one temperature for all (Guo et al. 2017, "On calibration of modern neural
networks").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, checked

_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """Logits -> probabilities.

    Attributes:
        slope: (class,), at least 0, so that a class's records keep their order.
        intercept: (class,).
        exclusive: whether a record has exactly one class: softmax in place of one sigmoid per class.
    """

    slope: FloatArray
    intercept: FloatArray
    exclusive: bool

    def probabilities(self, logits: ArrayLike) -> FloatArray:
        """Probabilities (record, class) of logits (record, class)."""
        scaled = self.slope * np.asarray(logits, dtype=np.float64) + self.intercept
        probabilities: FloatArray = softmax(scaled, axis=1) if self.exclusive else expit(scaled)
        return probabilities


def uncalibrated(n_classes: int, *, exclusive: bool) -> Recalibrated:
    """Take logits at their word."""
    return Recalibrated(np.ones(n_classes), np.zeros(n_classes), exclusive)


def fit_recalibration(targets: ArrayLike, logits: ArrayLike, *, exclusive: bool) -> Recalibrated:
    """Fit on validation records by maximum likelihood.

    Platt's targets, (n_positive + 1) / (n_positive + 2) in place of 1 and 1 / (n_negative + 2) in place of 0, keep the
    fit finite where logits separate the class perfectly. A class whose logits rank its records the wrong way round, or
    that is not among them, gets slope 0: everybody gets the same probability.

    Args:
        targets: (record, class), 0 or 1.
        logits: (record, class).
        exclusive: whether each record has exactly one class.

    Raises:
        InputError: see ``metrics.inputs.checked``.
    """
    target, logit = checked(targets, logits)
    n_classes = target.shape[1]
    if exclusive:
        return Recalibrated(np.full(n_classes, 1 / _temperature(target, logit)), np.zeros(n_classes), exclusive=True)
    fits = np.array([_platt(*column) for column in zip(target.T, logit.T, strict=True)])
    return Recalibrated(fits[:, 0], fits[:, 1], exclusive=False)


def cross_fitted_probabilities(
    targets: ArrayLike, logits: ArrayLike, patients: ArrayLike, *, exclusive: bool, n_parts: int = 5
) -> FloatArray:
    """Recalibrate every record by what the other patients say, so that calibration can be judged on the same records.

    Args:
        targets: (record, class), 0 or 1.
        logits: (record, class).
        patients: (record,), whose record it is; patients are dealt to the parts in the order of their names.
        exclusive: whether each record has exactly one class.
        n_parts: parts, each of which is left out once.

    Returns:
        (record, class).

    Raises:
        InputError: fewer patients than parts.
    """
    target, logit = checked(targets, logits)
    names, number = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) < n_parts:
        raise InputError("too few patients to calibrate on", field="patients", expected=n_parts, found=len(names))
    probabilities = np.empty_like(logit)
    for part in range(n_parts):
        out = number % n_parts == part
        fitted = fit_recalibration(target[~out], logit[~out], exclusive=exclusive)
        probabilities[out] = fitted.probabilities(logit[out])
    return probabilities


def _platt(target: NDArray[np.uint8], logit: FloatArray) -> tuple[float, float]:
    """Slope and intercept of one class, (record,) each."""
    n_positive = int(target.sum())
    n_negative = len(target) - n_positive
    wanted = np.where(target == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))

    def loss(fit: FloatArray) -> tuple[float, FloatArray]:
        scaled = fit[0] * logit + fit[1]
        miss = expit(scaled) - wanted
        value = float((np.logaddexp(0, scaled) - wanted * scaled).mean())
        return value, np.array([(miss * logit).mean(), miss.mean()])

    prevalence = float(wanted.mean())
    flat = np.log(prevalence / (1 - prevalence))
    if n_positive == 0 or n_negative == 0 or np.ptp(logit) == 0:
        return 0.0, flat
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return (float(found.x[0]), float(found.x[1])) if found.x[0] > 0 else (0.0, flat)


def _temperature(target: NDArray[np.uint8], logit: FloatArray) -> float:
    def loss(log_temperature: float) -> float:
        return -float((target * log_softmax(logit / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    low, high = map(math.log, _TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
