"""A floor as an arm: what is known of the labelled records goes in, scores of the held-out records come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from threadpoolctl import threadpool_limits

from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task

_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Labelled:
    """The labelled records of one cell, all that a floor may learn from.

    Attributes:
        rows: int (n,) their rows in the store.
        targets: float64 (n, class), 0 or 1.
        patients: (n,) whose records they are.
        seed: seed of everything the floor draws.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.float64]
    patients: NDArray[np.object_]
    seed: int

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[np.bool_]) -> Labelled:
        """Return the records that a (n,) mask chooses."""
        return Labelled(self.rows[chosen], self.targets[chosen], self.patients[chosen], self.seed)


class Floor(Protocol):
    """What a floor can do."""

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Learn from the labelled records and score others.

        Args:
            labelled: the records to learn from.
            wanted: int (m,) rows of the store.

        Returns:
            float64 (m, class) on the scale of the 0/1 targets; a regression's may lie outside [0, 1].
        """


@dataclass(frozen=True)
class FloorArm(Arm):
    """A floor, learned once per cell and applied to every split; validation rows are scored, never used.

    Attributes:
        name: row name.
        floor: what learns and scores.
        gives_probabilities: whether the floor's scores estimate probabilities; they are then given as logits
            (single-label: log probabilities), clipped to [1e-6, 1 - 1e-6].
        family: always "floor".
    """

    name: str
    floor: Floor
    gives_probabilities: bool
    family: Family = "floor"

    def run(self, task: Task) -> list[Scores]:
        """Learn from ``task.rows`` and score the validation and test rows of each split."""
        labelled = Labelled(
            task.rows, task.labels.values[task.rows].astype(np.float64), task.patients[task.rows], task.seed
        )
        wanted = np.unique(np.concatenate([part for split in task.splits for part in (split.validation, split.test)]))
        # Threads of small fits wait for each other: with two, boosting takes ten times as long.
        with threadpool_limits(1):
            scores = self.floor.scores(labelled, wanted)
        if self.gives_probabilities:
            probability = np.clip(scores, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
            scores = np.log(probability) if task.labels.task == "single" else logit(probability)

        def of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return scores[np.searchsorted(wanted, rows)].astype(np.float32)

        return [Scores(of(split.validation), of(split.test)) for split in task.splits]
