"""Percentile bootstrap intervals of macro and per-class metrics (what is drawn: ``resampling``).

What is measured. A metric is taken per test fold and averaged over the folds where the class is defined, then over
the seeds of a subset, then over subsets; the macro is the mean of that over classes.

How far to trust it.
    - Two-way intervals err on the wide side where patients and subsets interact (Owen 2007); and with S subsets
      their own share of the variance comes out (S - 1)/S of its size, so three subsets or seeds say little.
    - Classes with fewer than ``RARE`` positive or negative records are listed in ``rare``: a handful of positives
      does not say how others would score. The macro is then also given without them.
    - Every interval carries ``bias``, bootstrap mean minus estimate. The AUROC is a mean over pairs of records and
      stays near 0; average precision is lifted by repeated positives, most in small classes, so that the replicates
      of a macro over many rare classes may all lie above their estimate. Up to a quarter of ``se`` a bias is
      ignored (Efron & Tibshirani 1993, chapter 10); beyond, the percentiles are moved by it and the interval is
      marked ``off_centre``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, Targets, check_level, defined_mean, ratio
from ssrl_ecg.metrics.multilabel import Statistic, auroc
from ssrl_ecg.metrics.plain import Report
from ssrl_ecg.metrics.resampling import RARE, EvaluatedRecords, ModelScores, Resamples, draw_resamples

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Interval(Report):
    """A value and its percentile interval; NaN throughout where the value is undefined.

    Attributes:
        estimate: value on the whole sample.
        low: lower end.
        high: upper end.
        level: nominal coverage, in (0, 1).
        se: standard deviation of the replicates.
        bias: mean of the replicates minus ``estimate``.
        n_replicates: replicates in which the value was defined.
    """

    estimate: float
    low: float
    high: float
    level: float
    se: float
    bias: float
    n_replicates: int

    @property
    def off_centre(self) -> bool:
        """Whether the bias exceeds a quarter of the standard error, so that the percentiles were moved by it."""
        return _off_centre(self.bias, self.se)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and ``off_centre``."""
        return super().to_dict() | {"off_centre": self.off_centre}


def percentile_interval(estimate: float, replicates: FloatArray, level: float) -> Interval:
    """Summarise replicates (replicate,) of a value; NaN replicates are left out and show in ``n_replicates``.

    Percentiles of biased replicates are moved by the bias, but neither below 0 nor above 1 where no replicate is.

    Raises:
        InputError: a level outside (0, 1).
    """
    check_level(level)
    defined = replicates[~np.isnan(replicates)]
    if not defined.size:
        return Interval(estimate=estimate, low=np.nan, high=np.nan, level=level, se=np.nan, bias=np.nan, n_replicates=0)
    bias = float(defined.mean() - estimate)
    se = float(defined.std(ddof=1)) if defined.size > 1 else np.nan
    tail = (1 - level) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    if _off_centre(bias, se):
        lowest = 0.0 if defined.min() >= 0 else -np.inf
        highest = 1.0 if defined.max() <= 1 else np.inf
        low, high = np.clip((low - bias, high - bias), lowest, highest)
    return Interval(
        estimate=estimate,
        low=float(low),
        high=float(high),
        level=level,
        se=se,
        bias=bias,
        n_replicates=int(defined.size),
    )


def _off_centre(bias: float, se: float) -> bool:
    return abs(bias) > se / 4


@dataclass(frozen=True, kw_only=True)
class Sampling(Report):
    """What the replicates were drawn from, and what a reader has to know of it.

    Attributes:
        n_records: evaluated records.
        n_patients: their patients.
        n_subsets: label subsets (or seeds) that were drawn beside the patients.
        n_replicates: bootstrap replicates.
        n_redrawn: draws thrown away because a class was lost in a fold.
        rare: classes with fewer than ``RARE`` positive or negative records in all folds together.
        undefined_in_folds: fold -> classes without positives or negatives there, averaged over the other folds.
        notes: the above in sentences, where there is something to say.
    """

    n_records: int
    n_patients: int
    n_subsets: int
    n_replicates: int
    n_redrawn: int
    rare: tuple[str, ...]
    undefined_in_folds: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, records: EvaluatedRecords, resamples: Resamples) -> Sampling:
        """Describe the replicates that were drawn from the records."""
        rare = tuple(name for name, flag in zip(records.classes, records.rare(), strict=True) if flag)
        undefined = records.undefined_in_folds()
        n_replicates, n_subsets = resamples.subset_counts.shape
        notes = [f"fewer than {RARE} positives or negatives, so hardly known: {', '.join(rare)}"] if rare else []
        notes += [
            f"without positives or negatives in fold {fold}: {', '.join(names)}" for fold, names in undefined.items()
        ]
        if resamples.n_redrawn:
            notes.append(f"{resamples.n_redrawn} draws lost a class in a fold and were drawn again")
        return cls(
            n_records=len(records.targets),
            n_patients=len(np.unique(records.patients)),
            n_subsets=n_subsets,
            n_replicates=n_replicates,
            n_redrawn=resamples.n_redrawn,
            rare=rare,
            undefined_in_folds=undefined,
            notes=tuple(notes),
        )


@dataclass(frozen=True, kw_only=True)
class BootstrapResult(Report):
    """Intervals of one model.

    Attributes:
        macro: of the mean over the classes that are defined.
        macro_without_rare: the same without the rare classes; None when no class is rare, or all are.
        per_class: class -> interval.
        undefined: classes without a value; they are in no macro.
        sampling: what was drawn, with the notes to print beside the numbers.
    """

    macro: Interval
    macro_without_rare: Interval | None
    per_class: dict[str, Interval]
    undefined: tuple[str, ...]
    sampling: Sampling


def stratified_bootstrap(
    records: EvaluatedRecords,
    model: ModelScores,
    *,
    generator: np.random.Generator,
    statistic: Statistic = auroc,
    n_replicates: int = 1000,
    level: float = 0.95,
) -> BootstrapResult:
    """Percentile intervals of a metric, resampling patients within folds and label subsets.

    Args:
        records: what the model is judged on.
        model: its scores in one or more cells (subset, seed).
        generator: the only source of randomness.
        statistic: per-class metric of counted records; ``resampled`` makes one of any function of (targets, scores).
        n_replicates: bootstrap replicates.
        level: nominal coverage of the intervals, in (0, 1).

    Raises:
        InputError: scores of other records or classes, and what ``draw_resamples`` refuses.
    """
    n_subsets = len(model.subset_ids())
    resamples = draw_resamples(records, n_subsets, n_replicates, generator)
    whole = Resamples.whole_sample(len(records.targets), n_subsets)
    estimates = replicate_values(records, model, statistic, whole)[0]
    replicates = replicate_values(records, model, statistic, resamples)
    summarised = summarise(records, estimates, replicates, partial(percentile_interval, level=level))
    return BootstrapResult(
        macro=summarised.macro,
        macro_without_rare=summarised.macro_without_rare,
        per_class=summarised.per_class,
        undefined=tuple(name for name, value in zip(records.classes, estimates, strict=True) if np.isnan(value)),
        sampling=Sampling.of(records, resamples),
    )


@dataclass(frozen=True)
class Summaries(Generic[T]):
    """The summary of the macro, without the rare classes (None: no class is rare, or all are), and per class."""

    macro: T
    macro_without_rare: T | None
    per_class: dict[str, T]


def summarise(
    records: EvaluatedRecords, estimates: FloatArray, replicates: FloatArray, summary: Callable[[float, FloatArray], T]
) -> Summaries[T]:
    """Summarise a metric, or a difference of metrics, over classes and per class.

    Args:
        records: which classes there are, and which of them are rare.
        estimates: (class,), on the whole sample, NaN where undefined.
        replicates: (replicate, class), NaN where undefined.
        summary: (estimate, replicates (replicate,)) -> its summary.
    """
    rare = records.rare()

    def over(columns: NDArray[np.bool_]) -> T:
        return summary(float(defined_mean(estimates[columns])), defined_mean(replicates[:, columns], axis=1))

    return Summaries(
        macro=over(np.ones_like(rare)),
        macro_without_rare=over(~rare) if rare.any() and not rare.all() else None,
        per_class={
            name: summary(float(estimates[column]), replicates[:, column])
            for column, name in enumerate(records.classes)
        },
    )


def replicate_values(
    records: EvaluatedRecords, model: ModelScores, statistic: Statistic, resamples: Resamples
) -> FloatArray:
    """A metric in every replicate: per fold, then mean over folds, over the seeds of a subset, and over drawn subsets.

    Args:
        records: what the model is judged on.
        model: its cells.
        statistic: per-class metric of counted records.
        resamples: replicates of these records and of the model's subsets.

    Returns:
        (replicate, class), NaN where undefined.

    Raises:
        InputError: scores of other records or classes.
    """
    if model.scores.shape[1:] != records.targets.shape:
        raise InputError(
            "scores are not of the evaluated records",
            field="scores",
            expected=records.targets.shape,
            found=model.scores.shape[1:],
        )
    cells = np.stack([_mean_over_folds(records, scores, statistic, resamples) for scores in model.scores])
    subsets = np.stack([defined_mean(cells[model.subsets == subset], axis=0) for subset in model.subset_ids()])
    drawn = resamples.subset_counts.T[:, :, np.newaxis] * ~np.isnan(subsets)
    return ratio((drawn * np.nan_to_num(subsets)).sum(axis=0), drawn.sum(axis=0))


def _mean_over_folds(
    records: EvaluatedRecords, scores: FloatArray, statistic: Statistic, resamples: Resamples
) -> FloatArray:
    """One cell's metric per replicate, (replicate, class), over the folds where it is defined."""
    per_fold = [
        statistic(records.targets[rows], scores[rows], resamples.record_counts[:, rows])
        for rows in records.fold_rows().values()
    ]
    return defined_mean(np.stack(per_fold), axis=0)


def resampled(metric: Callable[[Targets, FloatArray], ArrayLike]) -> Statistic:
    """Make a statistic of any per-class metric by really repeating the drawn records; slower than counting them.

    Args:
        metric: (targets (record, class), scores (record, class)) -> (class,).
    """

    def statistic(targets: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> FloatArray:
        target_array, score_array = np.asarray(targets, dtype=np.uint8), np.asarray(scores, dtype=np.float64)
        rows: list[NDArray[np.intp]] = [np.repeat(np.arange(len(target_array)), drawn) for drawn in np.asarray(counts)]
        return np.array([metric(target_array[drawn], score_array[drawn]) for drawn in rows], dtype=np.float64)

    return statistic
