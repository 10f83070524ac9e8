"""AUROC of models on the same records: its covariance without resampling, and the paired test that follows.

DeLong et al. (1988) take every record as a patient of its own. Obuchowski (1997) sums what the records of one patient
contribute first, so that several records of a patient are no new evidence; with one record each the two agree exactly.

Training is not part of it: the test asks whether these trained models differ on new patients, whereas the bootstrap of
``comparison`` draws label subsets too. It rests on a normal approximation, which a handful of positives does not carry.
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
            interval = TInterval.of(*_difference(records, first, second, column), level=level)
        except InputError as error:
            per_class[name], untested[name] = undefined, str(error)
        else:
            per_class[name] = Difference(interval=interval, p_value=interval.p_of_zero())
    rare = tuple(name for name, flag in zip(records.classes, records.rare(), strict=True) if flag)
    notes = [f"fewer than {RARE} positives or negatives, so hardly known: {', '.join(rare)}"] if rare else []
    notes += [f"{name} is not tested: {reason}" for name, reason in untested.items()]
    return DeLongComparison(per_class=per_class, rare=rare, untested=untested, notes=tuple(notes))


def _difference(records: EvaluatedRecords, first: ModelScores, second: ModelScores, column: int) -> tuple[float, float]:
    """Difference of one class's AUROC and its standard error; refuses what has none."""
    areas, variances = [], []
    for rows in records.fold_rows().values():
        target = records.targets[rows, column]
        if np.ptp(target) == 0:
            continue
        # Each model is averaged before the two are subtracted: equal models then differ by an exact zero.
        of_positives, of_negatives = (
            one @ first.cell_weights() - other @ second.cell_weights()
            for one, other in zip(
                placements(target, first.scores[:, rows, column].T),
                placements(target, second.scores[:, rows, column].T),
                strict=True,
            )
        )
        areas.append(float(of_positives.mean()))
        placed = of_positives[:, np.newaxis], of_negatives[:, np.newaxis]
        variances.append(float(_covariance(target == 1, *placed, records.patients[rows])[0, 0]))
    if not areas:
        raise InputError("no fold holds positives and negatives", field="targets")
    # A sum of squares and of products: in tiny clustered samples it may come out below zero.
    return float(np.mean(areas)), float(np.sqrt(max(sum(variances), 0.0))) / len(areas)


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
    return of_positives.mean(axis=0), _covariance(repeated[:, 0] == 1, of_positives, of_negatives, ids)


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


def _covariance(
    positive: NDArray[np.bool_], of_positives: FloatArray, of_negatives: FloatArray, patients: NDArray[np.generic]
) -> FloatArray:
    """Covariance (model, model) of the AUROCs: Obuchowski (1997), S10/m + S01/n + 2 S11/(m n)."""
    ids, patient = np.unique(patients, return_inverse=True)
    sides = [(of_positives, patient[positive]), (of_negatives, patient[~positive])]
    n_patients = [len(np.unique(owners)) for _, owners in sides]
    if min(n_patients) < 2:
        raise InputError(
            "too few records for a variance",
            field="target",
            expected="two positives and two negatives, each of two patients",
            found=f"positives of {n_patients[0]} and negatives of {n_patients[1]} patients",
        )
    shares = []
    for placed, owners in sides:
        share = np.zeros((len(ids), placed.shape[1]))
        np.add.at(share, owners, (placed - placed.mean(axis=0)) / len(placed))
        shares.append(share)
    covariance = sum(n / (n - 1) * share.T @ share for n, share in zip(n_patients, shares, strict=True))
    both: FloatArray = len(ids) / (len(ids) - 1) * (shares[0].T @ shares[1])
    total: FloatArray = covariance + both + both.T
    return total
