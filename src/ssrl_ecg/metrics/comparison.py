"""Do two models differ? Paired bootstrap over the same patients and label subsets, and Holm's correction.

Both models are evaluated on the same resamples, so what they share (easy patients, lucky subsets) leaves the
difference. A gain whose interval holds zero is no difference, whatever its size.

Which test for which question: two or more models on one test set, whatever the metric: ``paired_bootstrap``, several of
them corrected by ``holm_corrected``; the AUROC of trained models without resampling: ``delong``; K random splits of one
data set: ``resampled_tests``; several methods on three or more independent data sets: ``rank_tests``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import Interval, Sampling, percentile_interval, replicate_values, summarise
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.metrics.multilabel import Statistic, auroc
from ssrl_ecg.metrics.plain import Report
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores, Resamples, draw_resamples
from ssrl_ecg.metrics.student import TInterval

AnyInterval = TypeVar("AnyInterval", Interval, TInterval)
Verdict = Literal["better", "worse", "no difference", "undefined"]


@dataclass(frozen=True, kw_only=True)
class Difference(Report, Generic[AnyInterval]):
    """First model minus second.

    Attributes:
        interval: of the difference.
        p_value: two-sided, in [0, 1]; NaN where the difference is undefined.
        p_holm: the same corrected for the other comparisons of its family; None before ``holm_corrected``.
    """

    interval: AnyInterval
    p_value: float
    p_holm: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Better or worse only if the interval leaves zero out and p (corrected, where it is) is at most 1 - level."""
        if np.isnan(self.p_value):
            return "undefined"
        leaves_zero_out = self.interval.low > 0 or self.interval.high < 0
        p_value = self.p_value if self.p_holm is None else self.p_holm
        if not leaves_zero_out or p_value > 1 - self.interval.level:
            return "no difference"
        return "better" if self.interval.low > 0 else "worse"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the verdict."""
        return super().to_dict() | {"verdict": self.verdict}


@dataclass(frozen=True, kw_only=True)
class Comparison(Report):
    """Two models on the same records and label subsets.

    Attributes:
        macro: difference of the mean over the classes that are defined.
        macro_without_rare: the same without the rare classes; None when no class is rare, or all are.
        per_class: class -> difference, not corrected for the number of classes.
        sampling: what was drawn, with the notes to print beside the numbers.
    """

    macro: Difference[Interval]
    macro_without_rare: Difference[Interval] | None
    per_class: dict[str, Difference[Interval]]
    sampling: Sampling


def paired_bootstrap(
    records: EvaluatedRecords,
    first: ModelScores,
    second: ModelScores,
    *,
    generator: np.random.Generator,
    statistic: Statistic = auroc,
    n_replicates: int = 1000,
    level: float = 0.95,
) -> Comparison:
    """Difference of a metric between two models, first minus second, on shared resamples of patients and subsets.

    Args:
        records: what both models are judged on.
        first: one or more cells (subset, seed).
        second: cells of the same subsets; the number of seeds may differ, as seeds are averaged first.
        generator: the only source of randomness.
        statistic: per-class metric of counted records, as in ``stratified_bootstrap``.
        n_replicates: bootstrap replicates; the smallest possible p is 2 / (n_replicates + 1).
        level: nominal coverage of the intervals; ``1 - level`` is the p a difference has to reach.

    Raises:
        InputError: models of different subsets, and what ``stratified_bootstrap`` refuses.
    """
    check_same_subsets(first, second)
    n_subsets = len(first.subset_ids())
    resamples = draw_resamples(records, n_subsets, n_replicates, generator)
    whole = Resamples.whole_sample(len(records.targets), n_subsets)
    estimates, replicates = (
        replicate_values(records, first, statistic, drawn) - replicate_values(records, second, statistic, drawn)
        for drawn in (whole, resamples)
    )
    summarised = summarise(records, estimates[0], replicates, partial(_difference, level=level))
    return Comparison(
        macro=summarised.macro,
        macro_without_rare=summarised.macro_without_rare,
        per_class=summarised.per_class,
        sampling=Sampling.of(records, resamples),
    )


def check_same_subsets(first: ModelScores, second: ModelScores) -> None:
    """Refuse models whose difference would be that of their label subsets.

    Raises:
        InputError: models of different subsets.
    """
    if not np.array_equal(first.subset_ids(), second.subset_ids()):
        raise InputError(
            "the models were trained on different label subsets",
            field="subsets",
            expected=first.subset_ids().tolist(),
            found=second.subset_ids().tolist(),
        )


def _difference(estimate: float, replicates: FloatArray, level: float) -> Difference[Interval]:
    return Difference(interval=percentile_interval(estimate, replicates, level), p_value=bootstrap_p_value(replicates))


def bootstrap_p_value(replicates: ArrayLike) -> float:
    """Two-sided p of "no difference" by inverting the bootstrap distribution of the difference.

    Twice the share of replicates on the thinner side of zero, replicates at zero counted on both sides and the sample
    itself as one more replicate ((count + 1) / (B + 1), Davison & Hinkley 1997, 4.2), so it is never 0.

    Args:
        replicates: (replicate,), differences; NaN ones are left out.

    Returns:
        In (0, 1]; NaN when no replicate is defined.
    """
    differences = np.asarray(replicates, dtype=np.float64)
    differences = differences[~np.isnan(differences)]
    if not differences.size:
        return float("nan")
    thinner_side = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p_value: float = min(1.0, 2 * (thinner_side + 1) / (differences.size + 1))
    return p_value


def holm_corrected(differences: Mapping[str, Difference[AnyInterval]]) -> dict[str, Difference[AnyInterval]]:
    """Correct a family of differences for its size by Holm's step-down rule (Holm 1979).

    Args:
        differences: every comparison of the family by name: one row's classes, or the macros of all rows. Undefined
            ones do not count.

    Returns:
        The same with ``p_holm``; None stays with the undefined.

    Raises:
        InputError: so few replicates that not even the smallest possible p could survive the correction.
    """
    family = {name: item for name, item in differences.items() if not np.isnan(item.p_value)}
    for name, item in family.items():
        if isinstance(item.interval, Interval):
            found = item.interval.n_replicates
            check_replicates(len(family), found, item.interval.level, field=f"n_replicates of {name}")
    corrected = holm([item.p_value for item in family.values()])
    adjusted = dict(zip(family, corrected.tolist(), strict=True))
    return {name: replace(item, p_holm=adjusted.get(name)) for name, item in differences.items()}


def check_replicates(n_comparisons: int, n_replicates: int, level: float = 0.95, *, field: str = "replicates") -> None:
    """Refuse so few bootstrap replicates that not even the smallest possible p survives Holm's correction.

    Args:
        n_comparisons: size of the family.
        n_replicates: bootstrap replicates.
        level: nominal coverage of the intervals, in (0, 1).
        field: what the number is called where the caller got it.

    Raises:
        InputError: with the number that is needed.
    """
    needed = int(np.ceil(2 * n_comparisons / (1 - level))) - 1
    if n_replicates < needed:
        raise InputError(
            f"too few bootstrap replicates to correct {n_comparisons} comparisons",
            field=field,
            expected=f"{needed} or more",
            found=n_replicates,
        )


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm-adjusted p-values (comparison,): the k-th smallest of m times m - k + 1, never decreasing, at most 1."""
    p_array = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_array, kind="stable")
    stepped = p_array[order] * np.arange(len(p_array), 0, -1)
    adjusted = np.empty_like(p_array)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
