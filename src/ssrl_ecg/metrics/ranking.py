"""AUROC and average precision of one class, sorted once and evaluated for many weightings of the same records.

A bootstrap replicate is the same list of records with whole-number weights, so the order of the scores never changes.
Per class the ranks of the positives among the negatives are found once; a replicate then costs one cumulative sum,
not a sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.metrics.inputs import FloatArray, Targets, ratio

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class ClassRanking:
    """Where the positives of one class stand among its records.

    Attributes:
        positive_rows: rows of the positives, by ascending score.
        negative_rows: rows of the negatives, by ascending score.
        negatives_below: per positive, how many negatives score lower.
        negatives_up_to: per positive, how many negatives score lower or the same.
        positives_below: per positive, how many positives score lower.
    """

    positive_rows: Rows
    negative_rows: Rows
    negatives_below: Rows
    negatives_up_to: Rows
    positives_below: Rows

    @classmethod
    def of(cls, target: Targets, score: FloatArray) -> ClassRanking:
        """Rank one class.

        Args:
            target: (record,), 0 or 1.
            score: (record,), finite.
        """
        order = np.argsort(score, kind="stable")
        positive = order[target[order] == 1]
        negative = order[target[order] == 0]
        return cls(
            positive_rows=positive,
            negative_rows=negative,
            negatives_below=np.searchsorted(score[negative], score[positive], side="left"),
            negatives_up_to=np.searchsorted(score[negative], score[positive], side="right"),
            positives_below=np.searchsorted(score[positive], score[positive], side="left"),
        )

    def auroc(self, counts: ArrayLike) -> FloatArray:
        """Area under the ROC curve: the share of positive-negative pairs in the right order, a tie counting half.

        The Mann-Whitney form (Hanley & McNeil 1982), pairs weighted by the product of their counts.

        Args:
            counts: (..., record), how often each record is in the sample.

        Returns:
            (...), in [0, 1]; NaN where the positives or the negatives weigh nothing.
        """
        positives, negatives_before = self._weights(counts)
        pairs = np.einsum("...p,...p->...", positives, negatives_before[..., self.negatives_below])
        pairs += np.einsum("...p,...p->...", positives, negatives_before[..., self.negatives_up_to])
        return ratio(pairs / 2, positives.sum(axis=-1) * negatives_before[..., -1])

    def average_precision(self, counts: ArrayLike) -> FloatArray:
        """Area under the precision-recall curve as the mean precision at the positives (no interpolation).

        Equal to the sum over distinct thresholds of (recall gain) x (precision), records that tie entering together.

        Args:
            counts: (..., record), how often each record is in the sample.

        Returns:
            (...), in (0, 1]; NaN where the positives or the negatives weigh nothing.
        """
        positives, negatives_before = self._weights(counts)
        positives_before = _running_total(positives)
        true = positives_before[..., -1:] - positives_before[..., self.positives_below]
        false = negatives_before[..., -1:] - negatives_before[..., self.negatives_below]
        # A positive that is not in the sample may have nothing at or above it: its precision is 0/0 and weighs 0.
        precision = np.divide(true, true + false, out=np.zeros_like(true), where=true > 0)
        gained = np.einsum("...p,...p->...", positives, precision)
        n_positives = positives.sum(axis=-1)
        return ratio(gained, np.where(negatives_before[..., -1] > 0, n_positives, 0.0))

    def _weights(self, counts: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Counts of the positives (..., positive) and running totals of those of the negatives (..., negative + 1)."""
        array = np.asarray(counts)
        positives = array[..., self.positive_rows].astype(np.float64)
        return positives, _running_total(array[..., self.negative_rows])


def _running_total(values: ArrayLike) -> FloatArray:
    """Sum of the entries before each position, and of all at the end: (..., m) -> (..., m + 1)."""
    array = np.asarray(values)
    totals = np.zeros((*array.shape[:-1], array.shape[-1] + 1))
    np.cumsum(array, axis=-1, out=totals[..., 1:])
    return totals
