"""The numbers of a report: a row's scores, its classes, its groups of test records, and differences between rows.

Everything is checked when it is built. An undefined number is NaN here and null in JSON.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import Verdict

Family = Literal["method", "supervised", "floor"]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """AUROC of one class with its interval [lo, hi] and the number of positive test records."""

    auroc: float
    lo: float
    hi: float
    n_positives: int

    def __post_init__(self) -> None:
        check_interval("per_class", self.auroc, (self.lo, self.hi))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One compared row at one label fraction; scores are macro-averaged and in [0, 1], NaN where undefined.

    Attributes:
        name: the row's name, the same at every fraction.
        family: a self-supervised "method", "supervised" from scratch, or a "floor" that learns no representation.
        label_fraction: share of the training labels, in [0, 1].
        n_labels: labelled records behind it (the median over subsets, as patients stay whole).
        macro_auroc: mean over classes of the area under the ROC curve.
        interval: lower and upper end for ``macro_auroc``.
        per_class: class -> AUROC with interval.
        auprc: mean average precision.
        f1: mean F1 at the thresholds chosen on validation, and so ``sensitivity``, ``specificity``, ``ppv``, ``npv``.
        sensitivity: share of positives found.
        specificity: share of negatives left alone.
        ppv: positive predictive value.
        npv: negative predictive value.
        brier: mean squared error of the probabilities.
        ece: expected calibration error.
        calibration_slope: of outcomes against log-odds; 1 is right, below 1 probabilities are too extreme.
        calibration_intercept: of the same fit; 0 is right.
        n_subsets: label subsets averaged over.
        n_seeds: seeds per subset.
        per_fold: test fold -> macro AUROC.
        undefined: attribute -> why it is NaN, such as {"brier": "gives scores, not probabilities"}.
    """

    name: str
    family: Family
    label_fraction: float
    n_labels: int
    macro_auroc: float
    interval: Interval
    per_class: dict[str, ClassScore]
    auprc: float = math.nan
    f1: float = math.nan
    sensitivity: float = math.nan
    specificity: float = math.nan
    ppv: float = math.nan
    npv: float = math.nan
    brier: float = math.nan
    ece: float = math.nan
    calibration_slope: float = math.nan
    calibration_intercept: float = math.nan
    n_subsets: int
    n_seeds: int
    per_fold: dict[int, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("family", self.family, get_args(Family))
        check_interval(f"interval of {self.name}", self.macro_auroc, self.interval)
        if not 0 <= self.label_fraction <= 1 or (self.label_fraction == 0) != (self.n_labels == 0):
            amount = (self.label_fraction, self.n_labels)
            raise InputError(
                f"row {self.name}", field="label_fraction", expected="in (0, 1], or 0 labels", found=amount
            )
        if min(self.n_subsets, self.n_seeds, self.n_labels + 1) < 1:
            found = (self.n_subsets, self.n_seeds, self.n_labels)
            raise InputError(f"row {self.name}", field="n_subsets, n_seeds, n_labels", expected=">= 1", found=found)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Paired difference ``a`` minus ``b`` in macro AUROC at one label fraction.

    Attributes:
        a: a row's name.
        b: another row's name.
        label_fraction: where both exist, or one exists and the other needs no label.
        difference: AUROC of ``a`` minus that of ``b``.
        lo: lower end of its interval.
        hi: upper end of its interval.
        p: two-sided p value.
        p_holm: the same after Holm's correction over all comparisons of the report; NaN if it was not made.
        verdict: what ``a`` is against ``b``, as ``ssrl_ecg.metrics.comparison`` decides it.
    """

    a: str
    b: str
    label_fraction: float
    difference: float
    lo: float
    hi: float
    p: float
    p_holm: float
    verdict: Verdict

    def __post_init__(self) -> None:
        check_choice("verdict", self.verdict, get_args(Verdict))
        if self.lo > self.hi:
            raise InputError(f"the interval of {self.a} against {self.b} is reversed", found=(self.lo, self.hi))


@dataclass(frozen=True, kw_only=True)
class GroupScore:
    """One row at one label fraction on a part of the test records, such as fold 9 or the women.

    Attributes:
        name: the row's name.
        label_fraction: where it was trained.
        characteristic: what parts the records: "fold", "sex", "age" or "device".
        group: which part, such as "9", "female" or "60-79".
        n_records: test records in it.
        macro_auroc: mean over the classes that are claimed; NaN when none is.
        interval: lower and upper end for ``macro_auroc``.
        per_class: class -> AUROC with interval. Nothing is claimed of a class with fewer positives or negatives than
            ``ssrl_ecg.evaluation.groups.FEWEST``: its AUROC is NaN and its count of positives is still there.
    """

    name: str
    label_fraction: float
    characteristic: str
    group: str
    n_records: int
    macro_auroc: float
    interval: Interval
    per_class: dict[str, ClassScore]

    def __post_init__(self) -> None:
        check_interval(
            f"interval of {self.name} on {self.characteristic} {self.group}", self.macro_auroc, self.interval
        )


def check_interval(name: str, value: float, interval: Interval) -> None:
    """Refuse a score or interval outside [0, 1] or a reversed interval; NaN is undefined and allowed.

    Raises:
        InputError: naming the value.
    """
    low, high = interval
    if low > high or not all(math.isnan(number) or 0 <= number <= 1 for number in (value, low, high)):
        raise InputError(
            "a score or its interval is impossible", field=name, expected="0 <= lo <= hi <= 1", found=(value, low, high)
        )


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is none of those allowed.

    Raises:
        InputError: naming the word.
    """
    if value not in allowed:
        raise InputError("unknown word", field=name, expected=" | ".join(allowed), found=value)
