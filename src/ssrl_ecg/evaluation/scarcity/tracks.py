"""The tracks of the label-scarcity protocol, beyond those of every comparison.

An encoder's features may say something that random convolutions and measurements do not: they are joined with
MiniRocket's, and become a member of the floors' ensemble. Each stands beside the same thing without the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.experiment import Runner, arm_plans
from ssrl_ecg.evaluation.floors.arm import Floor, FloorArm, Labelled
from ssrl_ecg.evaluation.floors.learners import Learner, Ridge
from ssrl_ecg.evaluation.floors.tables import standardised
from ssrl_ecg.evaluation.floors.workshop import CONSTANTS, Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.evaluation.noisy_student import Features
from ssrl_ecg.evaluation.plans import MethodPlan
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.scarcity.tuning import tuned_plan
from ssrl_ecg.evaluation.scarcity.validation import with_scarce_validation

Array = NDArray[np.float64]

_KEPT = 1
"""Tables of features kept in memory at a time: one with MiniRocket's takes hundreds of megabytes."""


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """Which tracks stand beside those of every comparison, and who may choose.

    Attributes:
        combinations: whether each method's features are joined with MiniRocket's and with the ensemble of floors.
        rate_factors: multiples of their peak learning rate that all trained rows try; validation records choose.
        scarce_validation: whether validation labels are as scarce as training labels.
    """

    combinations: bool = True
    rate_factors: tuple[float, ...] = (1.0,)
    scarce_validation: bool = False

    def plans(self, runner: Runner) -> list[ArmPlan]:
        """Every row of the protocol.

        Raises:
            InputError: learning rates to try, and no validation records to choose by.
        """
        if tuple(self.rate_factors) != (1.0,) and not all(len(split.validation) for split in runner.splits):
            raise InputError(
                "learning rates are chosen on validation records, and there are none", field="rate_factors",
                expected="1.0", found=self.rate_factors,
            )  # fmt: skip
        plans = [tuned_plan(runner, plan, self.rate_factors) for plan in arm_plans(runner)]
        if self.combinations:
            plans += combination_plans(runner)
        # Which classes are left depends on the test records; at all labels nothing else would tell two such runs apart.
        classes = {"classes": runner.labels.classes}
        plans = [replace(plan, settings={"row": plan.settings, **classes}) for plan in plans]
        if not self.scarce_validation:
            return plans
        n_training = int(runner.labels.known[runner.splits[0].train].sum())
        return [with_scarce_validation(plan, n_training) for plan in plans]


@dataclass(frozen=True)
class SeededTable:
    """A learner on the features that belong to a cell's seed: those of one of a method's encoders.

    Attributes:
        features: seed -> (record, feature) of every record of the store.
        learner: what is fitted to them.
    """

    features: Features
    learner: Learner = field(default_factory=Ridge)

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Fit the learner to the labelled records and score the wanted ones."""
        features = self.features(labelled.seed)
        return self.learner(features[labelled.rows], labelled.targets, features[wanted], labelled.seed)


def joined(blocks: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float32]:
    """Join blocks of standardised features, each with the same share of the variance whatever its width.

    A thousand features beside ten thousand others would not be heard by a ridge regression. The variances add up to
    the number of features, as in any standardised block, so that penalties mean the same.

    Args:
        blocks: (record, feature) each.
    """
    widths = [block.shape[1] for block in blocks]
    scales = [np.sqrt(sum(widths) / (len(widths) * width)) for width in widths]
    return np.hstack([np.asarray(block * scale, np.float32) for block, scale in zip(blocks, scales, strict=True)])


def combination_plans(runner: Runner) -> list[ArmPlan]:
    """Each method's features with MiniRocket's, and in the ensemble of floors."""
    rows = runner.splits[0].train
    shop = Workshop(runner.store, runner.labels, rows, runner.preprocessing)
    return [plan for method in runner.experiment.methods for plan in _method_plans(runner, shop, method)]


def _method_plans(runner: Runner, shop: Workshop, method: MethodPlan) -> list[ArmPlan]:
    layers, rows = runner.features(method, "layers"), runner.splits[0].train
    scaled = Remembering(lambda seed: standardised(layers(seed), rows), _KEPT)
    with_rocket = Remembering(lambda seed: joined([shop.known.minirocket, scaled(seed)]), _KEPT)
    settings = {
        "floors": CONSTANTS,
        "measurements": signals_version(),
        "data": runner.store.facts.fingerprint,
        "preprocessing": runner.preprocessing.to_dict(),
        "encoder": runner.experiment.encoder_of(method).settings(),
        "pretraining": method.settings() | {"records": runner.pretrainings.records},
        "n_pretrainings": runner.experiment.n_pretrainings_of(method),
    }

    def plan(name: str, make: Callable[[], Floor], *, knowledge: bool) -> ArmPlan:
        return ArmPlan(
            name, "method", settings, lambda: FloorArm(name, make(), False, "method"), gives_logits=False,
            compared=False, knowledge=knowledge, pretrainings=runner.pretrainings.keys(method),
        )  # fmt: skip

    return [
        plan(f"MiniRocket and {method.name}", lambda: SeededTable(with_rocket), knowledge=method.knowledge),
        plan(
            f"ensemble of floors and {method.name}",
            lambda: shop.ensemble_with({"encoder": SeededTable(scaled)}),
            knowledge=True,
        ),
    ]
