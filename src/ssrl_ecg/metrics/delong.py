"""AUROC of models on the same records: its covariance without resampling, and the paired test that follows.

DeLong et al. (1988) take every record as a patient of its own. Obuchowski (1997) sums what the records of one patient
contribute first, so that several records of a patient are no new evidence; with one record each the two agree exactly.

Training is not part of it: the test asks whether these trained models differ on new patients, whereas the bootstrap of
``comparison`` draws label subsets too. The test takes Student's t, as Brunner & Munzel (2000) do for one area: with the
normal quantile it errs too often where few patients are positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import Difference, check_same_subsets
from ssrl_ecg.metrics.inputs import FloatArray, checked
from ssrl_ecg.metrics.plain import Report
from ssrl_ecg.metrics.resampling import RARE, EvaluatedRecords, ModelScores
from ssrl_ecg.metrics.student import TInterval


@dataclass(frozen=True, kw_only=True)
class DeLongComparison(Report):
    """Two models, class by class.

    Attributes:
        per_class: class -> difference of AUROC, not corrected for the number of classes; undefined if ``untested``.
        rare: classes with fewer than ``RARE`` positive or negative records: their p is hardly to be trusted.
        untested: class -> why it could not be tested.
        notes: the above in sentences, where there is something to say.
    """

    per_class: dict[str, Difference[TInterval]]
    rare: tuple[str, ...]
    untested: dict[str, str]
    notes: tuple[str, ...]


def delong_test(
    records: EvaluatedRecords, first: ModelScores, second: ModelScores, *, level: float = 0.95
) -> DeLongComparison:
    """Test per class whether two models have the same AUROC, first minus second.

    The AUROC is averaged over test folds, seeds and subsets as in ``paired_bootstrap``, so the estimates agree. Folds
    share no patient: their variances add up.

    Args:
        records: what both models are judged on.
        first: one or more cells (subset, seed).
        second: cells of the same subsets.
        level: nominal coverage of the intervals; ``1 - level`` is the p a difference has to reach.

    Raises:
        InputError: models of different subsets, scores of other records or classes, a level outside (0, 1).
    """
    check_same_subsets(first, second)
    for scores in (*first.scores, *second.scores):
        checked(records.targets, scores)
    undefined = Difference(interval=TInterval.of(np.nan, np.nan, level=level), p_value=float("nan"))
    per_class, untested = {}, {}
    for column, name in enumerate(records.classes):
        try:
            interval = _difference(records, first, second, column, level)
        except InputError as error:
            per_class[name], untested[name] = undefined, str(error)
        else:
            per_class[name] = Difference(interval=interval, p_value=interval.p_of_zero())
    rare = tuple(name for name, flag in zip(records.classes, records.rare(), strict=True) if flag)
    notes = [f"fewer than {RARE} positives or negatives, so hardly known: {', '.join(rare)}"] if rare else []
    notes += [f"{name} is not tested: {reason}" for name, reason in untested.items()]
    return DeLongComparison(per_class=per_class, rare=rare, untested=untested, notes=tuple(notes))


def _difference(
    records: EvaluatedRecords, first: ModelScores, second: ModelScores, column: int, level: float
) -> TInterval:
    """Difference of one class's AUROC; refuses what has no standard error."""
    areas, parts = [], []
    for rows in records.fold_rows().values():
        target = records.targets[rows, column]
        if np.ptp(target) == 0:
            continue
        # Each model is averaged before the two are subtracted: equal models then differ by an exact zero.
        of_positives, of_negatives = (
            (one @ first.cell_weights() - other @ second.cell_weights())[:, np.newaxis]
            for one, other in zip(
                placements(target, first.scores[:, rows, column].T),
                placements(target, second.scores[:, rows, column].T),
                strict=True,
            )
        )
        areas.append(float(of_positives.mean()))
        parts.append(_variance_parts(target == 1, of_positives, of_negatives, records.patients[rows]))
    if not areas:
        raise InputError("no fold holds positives and negatives", field="targets")
    sides = np.array([[float(part[0, 0]) for part in found.sides] for found in parts])
    # A sum of squares and of products: in tiny clustered samples it may come out below zero.
    variance = max(float(sides.sum() + sum(found.shared[0, 0] for found in parts)), 0.0)
    freedom = np.array([found.n_patients for found in parts]) - 1
    return TInterval.of(
        float(np.mean(areas)),
        float(np.sqrt(variance)) / len(areas),
        # Welch & Satterthwaite, over the sides of all folds.
        degrees_of_freedom=float(sides.sum() ** 2 / (sides**2 / freedom).sum()) if sides.any() else np.inf,
        level=level,
    )


def delong(target: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
    """AUROC of several models on one class, and its covariance without resampling.

    Args:
        target: (record,), 0 or 1.
        scores: (record, model), finite.
        patients: (record,), any ids: the covariance of Obuchowski (1997). None: every record is a patient of its own,
            the covariance of DeLong et al. (1988).

    Returns:
        AUROC (model,) and covariance (model, model).

    Raises:
        InputError: positives or negatives of fewer than two patients, or what ``checked`` refuses.
    """
    score_array = np.asarray(scores, dtype=np.float64)
    repeated, score_array = checked(np.broadcast_to(np.asarray(target)[:, np.newaxis], score_array.shape), score_array)
    ids = np.arange(len(score_array)) if patients is None else np.asarray(patients)
    if ids.shape != (len(score_array),):
        raise InputError(
            "there is not one entry per record", field="patients", expected=len(score_array), found=ids.shape
        )
    of_positives, of_negatives = placements(repeated[:, 0], score_array)
    parts = _variance_parts(repeated[:, 0] == 1, of_positives, of_negatives, ids)
    return of_positives.mean(axis=0), parts.sides[0] + parts.sides[1] + parts.shared


def placements(target: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Where each record stands among those of the other side, ties counting half; both means are the AUROC.

    By midranks, as in Sun & Xu (2014, algorithm 2).

    Args:
        target: (record,), 0 or 1, both present.
        scores: (record, model), finite.

    Returns:
        Per positive the share of negatives below it (positive, model), and per negative the share of positives above
        it (negative, model).
    """
    positive, score_array = np.asarray(target) == 1, np.asarray(scores, dtype=np.float64)
    ranks = rankdata(score_array, axis=0)
    of_positives = (ranks[positive] - rankdata(score_array[positive], axis=0)) / (~positive).sum()
    of_negatives = 1 - (ranks[~positive] - rankdata(score_array[~positive], axis=0)) / positive.sum()
    return of_positives, of_negatives


@dataclass(frozen=True)
class _VarianceParts:
    """Covariance (model, model) of the AUROCs, by what it comes from.

    Attributes:
        sides: of the positives and of the negatives.
        shared: of patients who have records on both sides.
        n_patients: with positives, and with negatives.
    """

    sides: tuple[FloatArray, FloatArray]
    shared: FloatArray
    n_patients: tuple[int, int]


def _variance_parts(
    positive: NDArray[np.bool_], of_positives: FloatArray, of_negatives: FloatArray, patients: NDArray[np.generic]
) -> _VarianceParts:
    """Obuchowski's (1997) S10/m, S01/n and 2 S11/(m n)."""
    ids, patient = np.unique(patients, return_inverse=True)
    owners = patient[positive], patient[~positive]
    n_positive, n_negative = (len(np.unique(one)) for one in owners)
    if min(n_positive, n_negative) < 2:
        raise InputError(
            "too few records for a variance",
            field="target",
            expected="two positives and two negatives, each of two patients",
            found=f"positives of {n_positive} and negatives of {n_negative} patients",
        )
    shares = []
    for placed, owner in zip((of_positives, of_negatives), owners, strict=True):
        share = np.zeros((len(ids), placed.shape[1]))
        np.add.at(share, owner, (placed - placed.mean(axis=0)) / len(placed))
        shares.append(share)
    above, below = shares
    both = len(ids) / (len(ids) - 1) * (above.T @ below)
    return _VarianceParts(
        sides=(n_positive / (n_positive - 1) * above.T @ above, n_negative / (n_negative - 1) * below.T @ below),
        shared=both + both.T,
        n_patients=(n_positive, n_negative),
    )
