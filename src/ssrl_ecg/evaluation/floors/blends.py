"""Floors made of floors: the criteria, which need no label, the criteria as a prior, and an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.evaluation.floors.arm import Floor, Labelled

Array = NDArray[np.float64]

N_INNER_FOLDS = 3
"""Folds of the labelled records in which a stack's members are compared; more cost time and change little."""


@dataclass(frozen=True)
class Known:
    """Scores that are known beforehand and learn nothing, such as those of textbook criteria.

    Attributes:
        values: float64 (record, class) of every record of the store.
    """

    values: Array

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Look the scores up."""
        return self.values[wanted]


@dataclass(frozen=True)
class PriorBlend:
    """Prior knowledge that counts as much as some number of labelled records: the share of the prior falls with n.

    Attributes:
        prior: what is known beforehand, in [0, 1].
        floor: what learns.
        strength: labelled records at which both weigh the same; the prior's weight is strength / (strength + n).
    """

    prior: Floor
    floor: Floor
    strength: float = 50.0

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Blend prior and floor."""
        weight = self.strength / (self.strength + len(labelled))
        return weight * self.prior.scores(labelled, wanted) + (1 - weight) * self.floor.scores(labelled, wanted)


@dataclass(frozen=True)
class Stack:
    """Floors weighted by how well they predict labelled records they have not seen.

    Every member is fitted to the labelled records but one fold and scores that fold, patients kept whole. The weights
    are the non-negative least-squares fit of the targets by these scores, both centred per class, brought to a sum of
    1 (Breiman, "Stacked regressions", 1996) and drawn towards the default weights as if those came from ``strength``
    records. With fewer than ``least`` labelled records, or a single patient, the default weights are taken.

    Attributes:
        members: the floors by name; their scores must be on one scale.
        defaults: name -> default weight; they add up to 1.
        strength: records that the default weights count for.
        least: labelled records below which nothing is fitted.
    """

    members: Mapping[str, Floor]
    defaults: Mapping[str, float]
    strength: float = 50.0
    least: int = 50

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Choose the weights, fit every member to all labelled records and add their scores up."""
        weights = {name: weight for name, weight in self.weights(labelled).items() if weight}
        scores = _side_by_side((self.members[name], labelled, wanted) for name in weights)
        return np.asarray(np.sum([weight * one for weight, one in zip(weights.values(), scores, strict=True)], axis=0))

    def weights(self, labelled: Labelled) -> dict[str, float]:
        """Weight of every member; they add up to 1."""
        weights = np.array([self.defaults[name] for name in self.members])
        if len(labelled) >= self.least and len(np.unique(labelled.patients)) > 1:
            held_out = _out_of_fold(list(self.members.values()), labelled)
            columns = [(scores - scores.mean(axis=0)).ravel() for scores in held_out]
            fitted, _ = nnls(np.stack(columns, axis=1), (labelled.targets - labelled.targets.mean(axis=0)).ravel())
            if fitted.any():
                share = self.strength / (self.strength + len(labelled))
                weights = share * weights + (1 - share) * fitted / fitted.sum()
        return dict(zip(self.members, weights.tolist(), strict=True))


def _out_of_fold(floors: Sequence[Floor], labelled: Labelled) -> list[Array]:
    """Score each labelled record by floors fitted to the other folds: per floor (n, class)."""
    folds = stratified_folds(labelled.targets.astype(np.uint8), labelled.patients, N_INNER_FOLDS, labelled.seed)
    parts = [folds == fold for fold in np.unique(folds)]
    found = _side_by_side((floor, labelled.take(~out), labelled.rows[out]) for floor in floors for out in parts)
    scores = [np.empty_like(labelled.targets) for _ in floors]
    for number, values in enumerate(found):
        scores[number // len(parts)][parts[number % len(parts)]] = values
    return scores


def _side_by_side(questions: Iterable[tuple[Floor, Labelled, NDArray[np.int64]]]) -> list[Array]:
    """Fit and score on all cores, one question on each; the answers do not depend on how many there are."""
    answers: list[Array] = Parallel(n_jobs=-1, prefer="threads")(delayed(_answer)(*question) for question in questions)
    return answers


def _answer(floor: Floor, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
    with threadpool_limits(1):  # OpenMP's limit is each thread's own
        return floor.scores(labelled, wanted)
