"""The whole system: all that is known of a recording, and what an encoder has learnt from unlabelled ones.

Its teacher is the floors' ensemble, criteria as a prior over a stack of forest, boosted trees and MiniRocket, with the
frozen encoder's features as one more member of the stack. Its students learn from the teacher's scores of all training
records (``noisy_student``). Without an encoder it is its own control: what self-training alone is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.evaluation.floors.arm import Floor, Labelled
from ssrl_ecg.evaluation.floors.blends import PriorBlend, Stack
from ssrl_ecg.evaluation.floors.learners import Ridge, TableFloor
from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.noisy_student import Features, NoisyStudent, Student, TableStudent

ENCODER_DEFAULTS = {"forest": 0.5, "boosting": 0.2, "minirocket": 0.15, "encoder": 0.15}
"""Weights of the stack's members where too few labels decide; see ``results/trials/whole-system.json``."""


@dataclass(frozen=True)
class EncoderFloor:
    """Ridge regression on the features of frozen encoders.

    Attributes:
        features: seed of a cell -> (record, feature); cells that share an encoder share the array.
    """

    features: Features

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fit to the labelled records' features and score the wanted ones."""
        return TableFloor(self.features(labelled.seed), Ridge()).scores(labelled, wanted)


def teacher(shop: Workshop, features: Features | None) -> Floor:
    """The ensemble of floors, with an encoder's features as one more member if there are any."""
    if features is None:
        return shop.ensemble
    floors: dict[str, Floor] = {"forest": shop.forest, "boosting": shop.boosting, "minirocket": shop.minirocket}
    return PriorBlend(shop.criteria, Stack({**floors, "encoder": EncoderFloor(features)}, ENCODER_DEFAULTS))


def whole_system(
    shop: Workshop, features: Features | None = None, network: Student | None = None, *, share: float = 0.7
) -> NoisyStudent:
    """Build the system, or a control of it.

    Args:
        shop: the floors, of a label set of the diagnostic superclasses.
        features: of a pretrained encoder, on one scale (``floors.tables.standardised``); None for a system without one.
        network: a student of augmented crops (``NetworkStudent``), pretrained or, as a control, from scratch; None for
            ridge students alone, which take seconds.
        share: weight of the students together were no record labelled, see ``NoisyStudent``.
    """
    students: dict[str, Student] = {"minirocket": TableStudent(_whatever_the_seed(lambda: shop.known.minirocket))}
    if features is not None:
        students["encoder"] = TableStudent(features)
    if network is not None:
        students["network"] = network
    return NoisyStudent(teacher(shop, features), students, shop.known.training_rows, share)


def _whatever_the_seed(features: Callable[[], NDArray[np.float32]]) -> Features:
    return lambda seed: features()
