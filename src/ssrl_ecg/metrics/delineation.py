"""How well waves and beats are found: predicted times matched one to one with annotated ones, counted and measured.

Two quantities are easily mixed up and reported side by side here: whether a boundary is found within a tolerance
(sensitivity, positive predictive value, F1), and how far the found ones are off (mean and SD of the signed error).
A tolerance fit for the first truncates the second, so errors are usually taken from a match at
``DETECTION_TOLERANCE_S``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, ratio
from ssrl_ecg.signals.waves import MARKS

DETECTION_TOLERANCE_S = 0.150
"""Within this a beat or a wave counts as found (match window of ANSI/AAMI EC57 for beats)."""

BOUNDARY_TOLERANCE_S = {"p": 0.050, "qrs": 0.040, "t": 0.100}
"""Within this a boundary counts as found: our choice, tight enough that a constant offset does not pass unseen."""

CSE_SD_LIMIT_MS = {"p_onset": 10.2, "p_offset": 12.7, "qrs_onset": 6.5, "qrs_offset": 11.6, "t_offset": 30.6}
"""Largest SD of the error that physicians' own spread allows, from the CSE Working Party (Eur Heart J 1985; 6:815-825)
in the form that delineators are compared by (Martinez et al., IEEE Trans Biomed Eng 2004; 51:570-581: 2 s_CSE)."""

_SLACK_S = 1e-9
"""Times on a grid differ by the tolerance exactly; their floating-point difference may be a little more."""


@dataclass(frozen=True)
class Detection:
    """What became of the annotated and the predicted times of one kind.

    Attributes:
        errors_ms: (match,) predicted minus annotated, in ms.
        n_missed: annotated times without a prediction (false negatives).
        n_false: predictions without an annotated time (false positives).
    """

    errors_ms: FloatArray
    n_missed: int
    n_false: int

    @classmethod
    def pooled(cls, detections: Iterable[Detection]) -> Detection:
        """Put the counts and errors of several records or leads together, every time weighing the same."""
        parts = list(detections)
        errors_ms = np.concatenate([np.zeros(0), *(part.errors_ms for part in parts)])
        return cls(errors_ms, sum(part.n_missed for part in parts), sum(part.n_false for part in parts))

    @property
    def n_found(self) -> int:
        """Matched pairs (true positives)."""
        return len(self.errors_ms)

    @property
    def sensitivity(self) -> float:
        """Share of the annotated times that were found; NaN when nothing is annotated."""
        return _share(self.n_found, self.n_found + self.n_missed)

    @property
    def ppv(self) -> float:
        """Share of the predictions that are right, the positive predictive value; NaN when nothing is predicted."""
        return _share(self.n_found, self.n_found + self.n_false)

    @property
    def f1(self) -> float:
        """Harmonic mean of both, 2 TP / (2 TP + FP + FN); NaN when nothing is annotated and nothing predicted."""
        return _share(2 * self.n_found, 2 * self.n_found + self.n_false + self.n_missed)

    @property
    def mean_error_ms(self) -> float:
        """Mean of predicted minus annotated in ms: positive is late; NaN without a match."""
        return float(self.errors_ms.mean()) if self.n_found else float("nan")

    @property
    def sd_error_ms(self) -> float:
        """Sample SD (n - 1) of the errors in ms; NaN with fewer than two matches."""
        return float(self.errors_ms.std(ddof=1)) if self.n_found > 1 else float("nan")


def match_times(annotated_s: ArrayLike, predicted_s: ArrayLike, tolerance_s: float) -> NDArray[np.intp]:
    """Match times one to one, the closest pair first; of equally close pairs the earlier one.

    Args:
        annotated_s: (annotated,) in s, ascending, finite.
        predicted_s: (predicted,) in s, ascending, finite.
        tolerance_s: largest distance within a pair, itself allowed.

    Returns:
        (pair, 2) positions in ``annotated_s`` and ``predicted_s``, by the first.

    Raises:
        InputError: times that are not ascending or not finite.
    """
    annotated, predicted = _ascending(annotated_s, "annotated_s"), _ascending(predicted_s, "predicted_s")
    first = np.searchsorted(predicted, annotated - tolerance_s - _SLACK_S, side="left")
    n_near = np.searchsorted(predicted, annotated + tolerance_s + _SLACK_S, side="right") - first
    rows = np.repeat(np.arange(len(annotated)), n_near)
    columns = np.arange(len(rows)) + np.repeat(first - (np.cumsum(n_near) - n_near), n_near)
    order = np.lexsort((columns, rows, np.round(np.abs(annotated[rows] - predicted[columns]), 9)))
    partner = np.full(len(annotated), -1)
    taken = np.zeros(len(predicted), dtype=np.bool_)
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if partner[row] < 0 and not taken[column]:
            partner[row], taken[column] = column, True
    matched = np.flatnonzero(partner >= 0)
    return np.stack([matched, partner[matched]], axis=1)


def compare_times(
    annotated_s: ArrayLike,
    predicted_s: ArrayLike,
    tolerance_s: float,
    *,
    span_s: tuple[float, float] = (-np.inf, np.inf),
    unscored_s: ArrayLike = (),
) -> Detection:
    """Compare predicted with annotated times of one kind: R peaks, P onsets, ...

    Where nobody annotated, a prediction is neither right nor wrong: outside the span or in an unscored interval it may
    match an annotated time, but it is never false.

    Args:
        annotated_s: (annotated,) in s, any order; NaN is left out.
        predicted_s: (predicted,) in s, any order; NaN is left out.
        tolerance_s: largest distance of a match, itself allowed.
        span_s: from where to where everything was annotated, ends included.
        unscored_s: (interval, 2) from where to where not, ends included.
    """
    annotated, predicted = _known(annotated_s), _known(predicted_s)
    pairs = match_times(annotated, predicted, tolerance_s)
    errors_ms = 1000 * (predicted[pairs[:, 1]] - annotated[pairs[:, 0]])
    unmatched = np.delete(predicted, pairs[:, 1])
    intervals = np.asarray(unscored_s, dtype=np.float64).reshape(-1, 2)
    is_scored = (unmatched >= span_s[0] - _SLACK_S) & (unmatched <= span_s[1] + _SLACK_S)
    is_scored &= ~((unmatched[:, None] >= intervals[:, 0]) & (unmatched[:, None] <= intervals[:, 1])).any(axis=1)
    return Detection(errors_ms, len(annotated) - len(pairs), int(is_scored.sum()))


def compare_waves(
    annotated_s: ArrayLike,
    predicted_s: ArrayLike,
    tolerance_s: float,
    *,
    span_s: tuple[float, float] = (-np.inf, np.inf),
) -> dict[str, Detection]:
    """Compare predicted with annotated waves of one kind, mark by mark.

    A mark that an annotated wave lacks is not scored: predictions of that mark from ``tolerance_s`` before the wave's
    first known mark to ``tolerance_s`` after its last are not counted as false.

    Args:
        annotated_s: (wave, 3) onset, peak, offset in s; NaN where a mark is missing.
        predicted_s: (beat, 3) likewise; NaN where a wave is absent or was not found.
        tolerance_s: largest distance of a match, itself allowed.
        span_s: from where to where everything was annotated.

    Returns:
        A ``Detection`` for each of ``MARKS``.
    """
    annotated = np.asarray(annotated_s, dtype=np.float64).reshape(-1, len(MARKS))
    predicted = np.asarray(predicted_s, dtype=np.float64).reshape(-1, len(MARKS))
    annotated = annotated[np.isfinite(annotated).any(axis=1)]
    around_s = np.stack(
        [np.nanmin(annotated, axis=1) - tolerance_s, np.nanmax(annotated, axis=1) + tolerance_s], axis=1
    )
    return {
        mark: compare_times(
            annotated[:, column],
            predicted[:, column],
            tolerance_s,
            span_s=span_s,
            unscored_s=around_s[np.isnan(annotated[:, column])],
        )
        for column, mark in enumerate(MARKS)
    }


def _share(part: int, whole: int) -> float:
    return float(ratio(np.asarray(float(part)), np.asarray(float(whole))))


def _known(times_s: ArrayLike) -> FloatArray:
    times = np.asarray(times_s, dtype=np.float64).ravel()
    return np.sort(times[~np.isnan(times)])


def _ascending(times_s: ArrayLike, field: str) -> FloatArray:
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise InputError("times must be one row of finite numbers, ascending", field=field, found=times.shape)
    return times
