"""The whole system: all that is known of a recording, and what an encoder has learnt from unlabelled ones.

Its teacher is the floors' ensemble: criteria as a prior over a stack of forest, boosted trees and MiniRocket. Its
students learn from the teacher's scores of all training records (``noisy_student``), one of them in the features of a
pretrained encoder. Without an encoder it is its own control: what self-training alone is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.evaluation.floors.arm import Floor, Labelled
from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.noisy_student import Features, NoisyStudent, Student, TableStudent

SHARE = 0.7
"""Weight of the students together were no record labelled; ``benchmarks/choose_whole_system.py`` compares others."""


class WholeSystems:
    """Whole systems of one store, each with another encoder; what does not depend on the encoder is fitted once.

    Args:
        shop: the floors, of a label set of the diagnostic superclasses.
        share: weight of the students together were no record labelled, see ``NoisyStudent``.
    """

    def __init__(self, shop: Workshop, *, share: float = SHARE) -> None:
        self._shop, self._share = shop, share
        self._teacher = _Remembering(lambda: shop.ensemble)
        self._minirocket = _RememberingStudent(TableStudent(lambda seed: shop.known.minirocket))

    def system(self, features: Features | None = None, network: Student | None = None) -> NoisyStudent:
        """Build the system, or a control of it.

        Args:
            features: of a pretrained encoder, on one scale (``floors.tables.standardised``); None for a system without.
            network: a student of augmented crops (``NetworkStudent``), pretrained or, as a control, from scratch; None
                for ridge students alone, which take seconds.
        """
        students: dict[str, Student] = {"minirocket": self._minirocket}
        if features is not None:
            students["encoder"] = TableStudent(features)
        if network is not None:
            students["network"] = network
        return NoisyStudent(self._teacher, students, self._shop.known.training_rows, self._share)


@dataclass(frozen=True)
class _Remembering:
    """A floor that answers a question it was asked before from memory."""

    make_floor: Callable[[], Floor]
    answers: dict[Any, NDArray[np.float64]] = field(default_factory=dict)

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        question = labelled.rows.tobytes(), labelled.targets.tobytes(), labelled.seed, wanted.tobytes()
        if question not in self.answers:
            self.answers[question] = self.make_floor().scores(labelled, wanted)
        return self.answers[question].copy()


@dataclass(frozen=True)
class _RememberingStudent:
    """A student that answers a question it was asked before from memory."""

    student: Student
    answers: dict[Any, NDArray[np.floating[Any]]] = field(default_factory=dict)

    def learn(
        self, rows: NDArray[np.int64], targets: NDArray[np.float64], wanted: NDArray[np.int64], seed: int
    ) -> NDArray[np.floating[Any]]:
        question = rows.tobytes(), targets.tobytes(), wanted.tobytes(), seed
        if question not in self.answers:
            self.answers[question] = self.student.learn(rows, targets, wanted, seed)
        return self.answers[question].copy()
