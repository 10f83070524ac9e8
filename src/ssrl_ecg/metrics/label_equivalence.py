"""Label equivalence: with pretraining, so many labels are worth how many without it?

The curve without pretraining is read backwards: at which label fraction does it reach the score that pretraining has at
a given one? Between two measured fractions it is taken as straight over the logarithm of the fraction, as scores of
learners are nearly so over a few doublings of the data. More labels do not hurt on average, so the curve is made
non-decreasing first (pool adjacent violators, Barlow et al. 1972), and where it is flat the smallest fraction counts:
that is the least that pretraining can claim. A score outside the curve's range has no equivalent, and is not
extrapolated to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, check_level
from ssrl_ecg.metrics.plain import Report, plain


@dataclass(frozen=True, kw_only=True)
class LabelEquivalence(Report):
    """How many labels without pretraining do what a fraction of them does with it.

    Each of ``equivalent``, ``low`` and ``high`` is a label fraction inside the curve's range, 0 where it lies below the
    smallest measured fraction, infinity where it lies above the largest, and NaN where a score is undefined.

    Attributes:
        fraction: label fraction with pretraining, in (0, 1].
        equivalent: label fraction without.
        low: lower end of its interval.
        high: upper end.
        level: nominal coverage, in (0, 1).
        smallest: smallest measured fraction of the curve.
        largest: largest one.
    """

    fraction: float
    equivalent: float
    low: float
    high: float
    level: float
    smallest: float
    largest: float

    @property
    def sentence(self) -> str:
        """The finding in words, such as "10 % with = 23 % without [14 %, more than 100 %]"."""
        return (
            f"{_percent(self.fraction)} with = {self.text(self.equivalent)} without "
            f"[{self.text(self.low)}, {self.text(self.high)}]"
        )

    def text(self, fraction: float) -> str:
        """One of the three fractions in words; what lies outside the curve's range is said to."""
        if np.isnan(fraction):
            return "undefined"
        if fraction == 0:
            return f"less than {_percent(self.smallest)}"
        return f"more than {_percent(self.largest)}" if np.isinf(fraction) else _percent(fraction)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, those outside the curve's range as None, and the sentence that says where they are."""
        found = {name: getattr(self, name) or None for name in ("equivalent", "low", "high")}
        return plain(super().to_dict() | found | {"sentence": self.sentence})  # type: ignore[no-any-return]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def equivalent_fraction(score: float, fractions: ArrayLike, curve: ArrayLike) -> float:
    """The label fraction at which a curve reaches a score.

    Args:
        score: what is to be reached.
        fractions: (fraction,) ascending, above 0.
        curve: (fraction,) scores at them.

    Returns:
        Inside [first, last fraction]; 0 if the curve starts above the score, infinity if it never gets there, NaN if
        the score or a point of the curve is.

    Raises:
        InputError: fractions that are not ascending or not above 0, fewer than two, or not one score for each.
    """
    at, height = _checked_curve(fractions, curve)
    if np.isnan(score) or np.isnan(height).any():
        return float("nan")
    level = np.asarray(isotonic_regression(height).x)
    if score < level[0]:
        return 0.0
    if score > level[-1]:
        return float("inf")
    after = int(np.searchsorted(level, score, side="left"))  # the first point at or above the score
    if level[after] == score:
        return float(at[after])
    share = (score - level[after - 1]) / (level[after] - level[after - 1])
    return float(at[after - 1] * (at[after] / at[after - 1]) ** share)


def _checked_curve(fractions: ArrayLike, curve: ArrayLike) -> tuple[FloatArray, FloatArray]:
    at, height = np.asarray(fractions, dtype=np.float64), np.asarray(curve, dtype=np.float64)
    if at.ndim != 1 or len(at) < 2 or at[0] <= 0 or (np.diff(at) <= 0).any():
        raise InputError(
            "a curve needs label fractions", field="fractions", expected="two or more, ascending, above 0", found=at
        )
    if height.shape != at.shape:
        raise InputError(
            "there is not one score per label fraction", field="curve", expected=at.shape, found=height.shape
        )
    return at, height


def label_equivalence(
    fraction: float,
    score: float,
    score_replicates: ArrayLike,
    fractions: ArrayLike,
    curve: ArrayLike,
    curve_replicates: ArrayLike,
    *,
    level: float = 0.95,
) -> LabelEquivalence:
    """Read the curve without pretraining backwards at a score with it, and in every bootstrap replicate.

    Replicates whose score lies outside their curve's range count at the end they lie beyond, so that the interval is
    open there if there are too many of them, and not too narrow because they were left out.

    Args:
        fraction: label fraction with pretraining.
        score: its score.
        score_replicates: (replicate,) bootstrap replicates of it.
        fractions: (fraction,) ascending, above 0.
        curve: (fraction,) scores without pretraining.
        curve_replicates: (replicate, fraction) replicates of them, on the same resamples; NaN where undefined.
        level: nominal coverage of the percentile interval, in (0, 1).

    Raises:
        InputError: what ``equivalent_fraction`` refuses, another number of replicates, a level outside (0, 1).
    """
    check_level(level)
    at, _ = _checked_curve(fractions, curve)
    scores, curves = np.asarray(score_replicates, np.float64), np.asarray(curve_replicates, np.float64)
    if curves.shape != (len(scores), len(at)):
        raise InputError(
            "score and curve have other replicates", field="curve_replicates", expected=(len(scores), len(at)),
            found=curves.shape,
        )  # fmt: skip
    replicates = np.array([equivalent_fraction(one, at, drawn) for one, drawn in zip(scores, curves, strict=True)])
    low, high = _percentiles(replicates[~np.isnan(replicates)], level)
    return LabelEquivalence(
        fraction=fraction,
        equivalent=equivalent_fraction(score, at, curve),
        low=low,
        high=high,
        level=level,
        smallest=float(at[0]),
        largest=float(at[-1]),
    )


def _percentiles(replicates: FloatArray, level: float) -> tuple[float, float]:
    """Both ends; taken among the replicates themselves, as nothing lies between a number and infinity."""
    if not replicates.size:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(replicates, (tail, 1 - tail), method="inverted_cdf")
    return float(low), float(high)
