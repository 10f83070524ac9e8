"""Decision thresholds per class, chosen on validation records and only then applied to test records.

A class is called positive where score >= threshold. The candidates are the cuts between distinct validation scores; a
threshold lies midway between the lowest score it calls and the next lower one, so that it does not hang on a single
record's exact score. Equally good cuts: the one that calls fewest records. A class without positives or without
negatives in validation says nothing about where to cut and gets ``DEFAULT_THRESHOLD``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.metrics.inputs import FloatArray, Targets, checked

IntArray = NDArray[np.int64]

#: Of a class that validation says nothing about: scores are probabilities, so the likelier side.
DEFAULT_THRESHOLD = 0.5

#: (true positives, false positives, positives, negatives) at the cuts -> what is maximised at each.
Criterion = Callable[[IntArray, IntArray, int, int], NDArray[np.number]]


def f1_thresholds(targets: ArrayLike, scores: ArrayLike) -> FloatArray:
    """Thresholds at which each class has its largest F1.

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), probabilities, or any finite scores of classes that all occur.

    Returns:
        (class,), on the scale of the scores; ``DEFAULT_THRESHOLD`` for a class without positives or negatives.
    """
    return _best_cuts(targets, scores, _f1)


def youden_thresholds(targets: ArrayLike, scores: ArrayLike) -> FloatArray:
    """Thresholds at which each class has its largest sensitivity + specificity - 1 (Youden 1950).

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), probabilities, or any finite scores of classes that all occur.

    Returns:
        (class,), on the scale of the scores; ``DEFAULT_THRESHOLD`` for a class without positives or negatives.
    """
    return _best_cuts(targets, scores, _youden)


THRESHOLDS: dict[str, Callable[[ArrayLike, ArrayLike], FloatArray]] = {
    "f1": f1_thresholds,
    "youden": youden_thresholds,
}
"""What a threshold makes largest on validation records, by the command line's words."""


def _f1(true: IntArray, false: IntArray, n_positive: int, n_negative: int) -> NDArray[np.number]:
    return 2 * true / (true + false + n_positive)


def _youden(true: IntArray, false: IntArray, n_positive: int, n_negative: int) -> NDArray[np.number]:
    # Times n_positive * n_negative, so that equal cuts compare equal in whole numbers.
    return true * n_negative - false * n_positive


def _best_cuts(targets: ArrayLike, scores: ArrayLike, criterion: Criterion) -> FloatArray:
    columns = zip(*(array.T for array in checked(targets, scores)), strict=True)
    return np.array([_best_cut(target, score, criterion) for target, score in columns])


def _best_cut(target: Targets, score: FloatArray, criterion: Criterion) -> float:
    """Threshold of one class, (record,) each; argmax takes the first and so the highest of equally good cuts."""
    n_positive = int(target.sum())
    n_negative = len(target) - n_positive
    if not n_positive or not n_negative:
        return DEFAULT_THRESHOLD
    distinct, group = np.unique(-score, return_inverse=True)
    true = np.cumsum(np.bincount(group[target == 1], minlength=len(distinct)))
    false = np.cumsum(np.bincount(group[target == 0], minlength=len(distinct)))
    best = int(np.argmax(criterion(true, false, n_positive, n_negative)))
    lowest_called = float(-distinct[best])
    if best + 1 == len(distinct):
        return lowest_called
    next_lower = float(-distinct[best + 1])
    midway = next_lower + (lowest_called - next_lower) / 2
    # Between neighbouring floats there is nothing midway.
    return midway if midway > next_lower else lowest_called
