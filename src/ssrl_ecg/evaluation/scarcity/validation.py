"""Validation as scarce as training: whoever has labels for a hundred records has none to spare for a thousand others.

With a validation fold, hundreds of labels choose weights, penalties and thresholds for a model that learned from
sixteen. Here a cell with a share f of the training labels looks at a share f of each split's validation labels, drawn
like its training labels; all others stay unseen, and their scores are NaN in the cell's file, which says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ssrl_ecg.data.splits import Rows, nested_subsets
from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.evaluation.label_fractions import ArmPlan


@dataclass(frozen=True)
class ScarceValidationArm(Arm):
    """An arm that may look at few validation records.

    Attributes:
        name: row name.
        family: as the arm's.
        arm: what learns and scores.
        n_training: labelled training records there are; a cell's share of them is its share of validation records.
    """

    name: str
    family: Family
    arm: Arm
    n_training: int

    def run(self, task: Task) -> list[Scores]:
        """Run the arm on what may be seen; scores of validation records that may not are NaN."""
        seen = [self.seen(task, split.validation) for split in task.splits]
        splits = [replace(split, validation=rows) for split, rows in zip(task.splits, seen, strict=True)]
        found = self.arm.run(replace(task, splits=splits))
        return [
            replace(one, validation=_spread(one.validation, rows, split.validation))
            for one, rows, split in zip(found, seen, task.splits, strict=True)
        ]

    def seen(self, task: Task, validation: Rows) -> Rows:
        """Rows that a cell may look at: one at least, but none where nothing is labelled.

        Args:
            task: the cell's work.
            validation: (n,) labelled validation rows of a split.
        """
        if not len(task.rows) or not len(validation):
            return validation[:0]
        share = max(len(task.rows) / self.n_training, 1 / len(validation))
        return nested_subsets(task.labels, task.patients, [share], task.seed, rows=validation)[share]


def _spread(scores: np.ndarray, seen: Rows, validation: Rows) -> np.ndarray:
    """(seen, class) -> (validation, class), NaN where nobody looked."""
    spread = np.full((len(validation), scores.shape[1]), np.nan, np.float32)
    spread[np.searchsorted(validation, seen)] = scores
    return spread


def with_scarce_validation(plan: ArmPlan, n_training: int) -> ArmPlan:
    """The same row, with validation labels as scarce as its training labels.

    Args:
        plan: the row.
        n_training: labelled training records.
    """
    settings = {"arm": plan.settings, "validation": "scarce", "n_training": n_training}
    return replace(plan, settings=settings, build=partial(_build, plan, n_training))


def _build(plan: ArmPlan, n_training: int) -> Arm:
    return ScarceValidationArm(plan.name, plan.family, plan.build(), n_training)
