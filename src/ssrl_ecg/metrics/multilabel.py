"""How well scores find classes: by rank, at thresholds, and as reports (multilabel, binary, single-label).

Undefined is never a number. A class without positives, or without negatives, has no AUROC, AUPRC, F1 ... in that
part: its value is NaN, it is left out of the macro mean, and the report names it.

Every per-class function takes ``counts``, the number of times each record is in the sample, with any leading axes
(..., record) -> (..., class): that is how the bootstrap evaluates a thousand resamples without repeating a record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, checked, checked_classes, macro, ratio
from ssrl_ecg.metrics.plain import Report
from ssrl_ecg.metrics.ranking import ClassRanking

#: (targets (record, class), scores (record, class), counts (..., record)) -> (..., class), NaN where undefined.
Statistic = Callable[[ArrayLike, ArrayLike, ArrayLike], FloatArray]

THRESHOLD_METRICS = ("f1", "sensitivity", "specificity", "ppv", "npv", "accuracy")


def auroc(targets: ArrayLike, scores: ArrayLike, counts: ArrayLike | None = None) -> FloatArray:
    """Area under the ROC curve of each class (Mann-Whitney form, ties count half).

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), finite, any scale.
        counts: (..., record), how often each record is in the sample; None: each once.

    Returns:
        (..., class), in [0, 1]; NaN for a class without positives or without negatives in the sample.
    """
    return _of_rankings(targets, scores, counts, ClassRanking.auroc)


def average_precision(targets: ArrayLike, scores: ArrayLike, counts: ArrayLike | None = None) -> FloatArray:
    """AUPRC of each class as average precision (step-wise, no interpolation; Davis & Goadrich 2006 on why).

    Its value without skill is the prevalence, so it compares only within one test set; of few positives it comes out
    too high (where the truth is 0.16, nine positives among 300 records give 0.21 on average).

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), finite, any scale.
        counts: (..., record), how often each record is in the sample; None: each once.

    Returns:
        (..., class), in (0, 1]; NaN for a class without positives or without negatives in the sample.
    """
    return _of_rankings(targets, scores, counts, ClassRanking.average_precision)


def _of_rankings(
    targets: ArrayLike,
    scores: ArrayLike,
    counts: ArrayLike | None,
    measure: Callable[[ClassRanking, ArrayLike], FloatArray],
) -> FloatArray:
    target_array, score_array = checked(targets, scores)
    weights = np.ones(len(target_array), dtype=np.int64) if counts is None else np.asarray(counts)
    columns = zip(target_array.T, score_array.T, strict=True)
    return np.stack([measure(ClassRanking.of(target, score), weights) for target, score in columns], axis=-1)


def decide(scores: ArrayLike, thresholds: ArrayLike) -> NDArray[np.uint8]:
    """Call a class positive where its score reaches its threshold (score >= threshold).

    Args:
        scores: (record, class).
        thresholds: (class,), or (record, class) when folds have their own.

    Returns:
        (record, class), 0 or 1.
    """
    return (np.asarray(scores) >= np.asarray(thresholds)).astype(np.uint8)


@dataclass(frozen=True)
class Confusion:
    """Counts of right and wrong decisions per class, each (..., class), and the rates that follow from them.

    Attributes:
        true_positives: positives that were called.
        false_positives: negatives that were called.
        true_negatives: negatives that were not called.
        false_negatives: positives that were not called.
    """

    true_positives: FloatArray
    false_positives: FloatArray
    true_negatives: FloatArray
    false_negatives: FloatArray

    @classmethod
    def of(cls, targets: ArrayLike, decisions: ArrayLike, counts: ArrayLike | None = None) -> Confusion:
        """Count.

        Args:
            targets: (record, class), 0 or 1.
            decisions: (record, class), 0 or 1, as ``decide`` gives them.
            counts: (..., record), how often each record is in the sample; None: each once.

        Raises:
            InputError: shapes that differ, or values other than 0 and 1.
        """
        truth, called = checked(targets, decisions)
        if not np.isin(called, (0, 1)).all():
            raise InputError(
                "decisions hold a value other than 0 and 1", field="decisions", expected="decide(scores, ...)"
            )
        weights = np.ones(len(truth)) if counts is None else np.asarray(counts, dtype=np.float64)
        return cls(
            true_positives=weights @ (truth * called),
            false_positives=weights @ ((1.0 - truth) * called),
            true_negatives=weights @ ((1.0 - truth) * (1.0 - called)),
            false_negatives=weights @ (truth * (1.0 - called)),
        )

    def pooled(self) -> Confusion:
        """Counts summed over classes, (..., 1): their rates are the micro averages."""
        return Confusion(
            self.true_positives.sum(axis=-1, keepdims=True),
            self.false_positives.sum(axis=-1, keepdims=True),
            self.true_negatives.sum(axis=-1, keepdims=True),
            self.false_negatives.sum(axis=-1, keepdims=True),
        )

    @property
    def sensitivity(self) -> FloatArray:
        """Share of the positives that were called; NaN without positives."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> FloatArray:
        """Share of the negatives that were not called; NaN without negatives."""
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def ppv(self) -> FloatArray:
        """Positive predictive value (precision); NaN when nothing was called."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def npv(self) -> FloatArray:
        """Negative predictive value; NaN when everything was called."""
        return ratio(self.true_negatives, self.true_negatives + self.false_negatives)

    @property
    def f1(self) -> FloatArray:
        """2 TP / (2 TP + FP + FN): 0 when no positive was found, NaN when there is none to find."""
        positives = self.true_positives + self.false_negatives
        return ratio(
            2 * self.true_positives,
            np.where(positives > 0, self.true_positives + self.false_positives + positives, 0.0),
        )

    @property
    def accuracy(self) -> FloatArray:
        """Share of the records that were decided rightly."""
        right = self.true_positives + self.true_negatives
        return ratio(right, right + self.false_positives + self.false_negatives)


def threshold_statistic(metric: str) -> Statistic:
    """Return one of ``THRESHOLD_METRICS`` as a statistic whose "scores" are decisions (see ``decide``).

    Raises:
        InputError: a metric that is not one of them.
    """
    if metric not in THRESHOLD_METRICS:
        raise InputError("no such metric", field="metric", expected=", ".join(THRESHOLD_METRICS), found=metric)

    def statistic(targets: ArrayLike, scores: ArrayLike, counts: ArrayLike) -> FloatArray:
        rate: FloatArray = getattr(Confusion.of(targets, scores, counts), metric)
        return rate

    return statistic


@dataclass(frozen=True, kw_only=True)
class MultilabelReport(Report):
    """Point values of a multilabel task, or of a binary one (a single class).

    Attributes:
        n_records: records in the part.
        n_positives: class -> positives in the part.
        thresholds: class -> threshold the decisions were taken at.
        per_class: metric -> class -> value; metrics are ``auroc``, ``auprc`` and ``THRESHOLD_METRICS``.
        macro: metric -> mean over the classes where it is defined.
        micro: metric at thresholds -> value of the pooled counts.
        undefined: metric -> classes that have no value and are not in its macro mean; only metrics with such classes.
    """

    n_records: int
    n_positives: dict[str, int]
    thresholds: dict[str, float]
    per_class: dict[str, dict[str, float]]
    macro: dict[str, float]
    micro: dict[str, float]
    undefined: dict[str, tuple[str, ...]]


def multilabel_report(
    targets: ArrayLike, scores: ArrayLike, thresholds: ArrayLike, classes: tuple[str, ...]
) -> MultilabelReport:
    """Evaluate scores against targets, class by class, as macro mean and pooled.

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), finite.
        thresholds: (class,), on the scale of the scores and chosen on other records.
        classes: one name per column.

    Raises:
        InputError: see ``checked`` and ``checked_classes``.
    """
    target_array, score_array = checked(targets, scores)
    names = checked_classes(classes, target_array)
    cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(names),))
    confusion = Confusion.of(target_array, decide(score_array, cuts))
    values = {"auroc": auroc(target_array, score_array), "auprc": average_precision(target_array, score_array)}
    values |= {metric: getattr(confusion, metric) for metric in THRESHOLD_METRICS}
    return MultilabelReport(
        n_records=len(target_array),
        n_positives=dict(zip(names, target_array.sum(axis=0, dtype=int).tolist(), strict=True)),
        thresholds=dict(zip(names, cuts.tolist(), strict=True)),
        per_class={metric: dict(zip(names, value.tolist(), strict=True)) for metric, value in values.items()},
        macro={metric: macro(value) for metric, value in values.items()},
        micro={metric: float(getattr(confusion.pooled(), metric)[0]) for metric in THRESHOLD_METRICS},
        undefined=undefined_classes(values, names),
    )


def undefined_classes(values: dict[str, FloatArray], classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Name, per metric, the classes whose value (class,) is NaN; metrics defined everywhere are left out."""
    return {
        metric: tuple(name for name, missing in zip(classes, np.isnan(value), strict=True) if missing)
        for metric, value in values.items()
        if np.isnan(value).any()
    }


@dataclass(frozen=True, kw_only=True)
class SingleLabelReport(Report):
    """Point values of a task in which every record has exactly one class; the class with the largest score is called.

    Attributes:
        n_records: records in the part.
        n_positives: class -> records of that class.
        accuracy: share of the records whose class was called.
        balanced_accuracy: mean sensitivity over the classes that occur.
        macro_auroc: mean one-versus-rest AUROC over the classes where it is defined.
        per_class: ``auroc`` and ``sensitivity`` -> class -> value.
        undefined: metric -> classes that have no value and are not in its mean.
    """

    n_records: int
    n_positives: dict[str, int]
    accuracy: float
    balanced_accuracy: float
    macro_auroc: float
    per_class: dict[str, dict[str, float]]
    undefined: dict[str, tuple[str, ...]]


def single_label_report(targets: ArrayLike, scores: ArrayLike, classes: tuple[str, ...]) -> SingleLabelReport:
    """Evaluate scores of mutually exclusive classes; equal largest scores go to the first of them.

    Args:
        targets: (record, class), one-hot.
        scores: (record, class), finite.
        classes: one name per column.

    Raises:
        InputError: a record with no class or several; and as ``checked`` and ``checked_classes``.
    """
    target_array, score_array = checked(targets, scores)
    names = checked_classes(classes, target_array)
    if (target_array.sum(axis=1) != 1).any():
        raise InputError("a record has no class or several", field="targets", expected="exactly one 1 per row")
    called = np.eye(len(names), dtype=np.uint8)[score_array.argmax(axis=1)]
    values = {"auroc": auroc(target_array, score_array), "sensitivity": Confusion.of(target_array, called).sensitivity}
    return SingleLabelReport(
        n_records=len(target_array),
        n_positives=dict(zip(names, target_array.sum(axis=0, dtype=int).tolist(), strict=True)),
        accuracy=float((target_array * called).sum() / len(target_array)),
        balanced_accuracy=macro(values["sensitivity"]),
        macro_auroc=macro(values["auroc"]),
        per_class={metric: dict(zip(names, value.tolist(), strict=True)) for metric, value in values.items()},
        undefined=undefined_classes(values, names),
    )
