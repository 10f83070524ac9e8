"""A supervised track tuned as hard as the pretrained ones: the same learning rates tried for both, validation chooses.

Comparisons with a supervised baseline are often won by tuning one side. Here every trained row, from scratch or
fine-tuned, tries the same multiples of its own peak learning rate in every cell, with the same steps, and each split
takes the one that did best on its own validation records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.evaluation.experiment import Runner
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.evaluation.plans import MethodPlan, TrainingPlan
from ssrl_ecg.training.selection import validation_auroc


@dataclass(frozen=True)
class TunedArm(Arm):
    """Several arms that differ in a setting; each split takes the one with the best validation AUROC.

    Attributes:
        name: row name.
        family: as theirs.
        candidates: the arms; the first wins ties, and where the AUROC is undefined.
    """

    name: str
    family: Family
    candidates: Sequence[Arm]

    def run(self, task: Task) -> list[Scores]:
        """Run every candidate and choose for each split by its validation rows."""
        found = [arm.run(task) for arm in self.candidates]

        def auroc(candidate: int, number: int) -> float:
            logits = found[candidate][number].validation
            return float(np.nan_to_num(validation_auroc(task.labels, task.splits[number].validation, logits)))

        best = [
            max(range(len(found)), key=partial(lambda number, one: auroc(one, number), number))
            for number in range(len(task.splits))
        ]
        return [found[candidate][number] for number, candidate in enumerate(best)]


def tuned_plan(runner: Runner, plan: ArmPlan, factors: Sequence[float]) -> ArmPlan:
    """The same row with its learning rate tuned; a row that is not trained with gradients stays as it is.

    Args:
        runner: builds the candidates.
        plan: the row.
        factors: multiples of its peak learning rate that are tried; a single 1 changes nothing.
    """
    source = trained_rows(runner).get(plan.name)
    if source is None or tuple(factors) == (1.0,):
        return plan
    settings = {"arm": plan.settings, "rate_factors": tuple(factors)}
    return replace(plan, settings=settings, build=partial(_build, runner, plan, source, tuple(factors)))


def trained_rows(runner: Runner) -> dict[str, tuple[TrainingPlan, MethodPlan | None]]:
    """Rows that are trained with gradients, by name: how, and from which method's encoders."""
    experiment = runner.experiment
    rows: dict[str, tuple[TrainingPlan, MethodPlan | None]] = {
        name: (plan, None) for name, plan in experiment.supervised.items()
    }
    if experiment.finetune is not None:
        rows |= {f"{one.name} fine-tuned": (experiment.finetune, one) for one in experiment.methods if one.finetuned}
    return rows


def _build(
    runner: Runner, plan: ArmPlan, source: tuple[TrainingPlan, MethodPlan | None], factors: Sequence[float]
) -> Arm:
    training, method = source
    rate = training.config.learning_rate
    variants = [replace(training, config=replace(training.config, learning_rate=rate * factor)) for factor in factors]
    return TunedArm(plan.name, plan.family, [runner.trained(plan.name, one, method) for one in variants])
