"""The whole system: all that is known of a recording, and what an encoder has learnt from unlabelled ones.

Its teacher is the floors' ensemble: criteria as a prior over a stack of forest, boosted trees and MiniRocket. Its
students learn from the teacher's scores of all training records (``noisy_student``), one of them in the features of a
pretrained encoder. Without an encoder it is its own control: what self-training alone is worth.
"""

from __future__ import annotations

from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.noisy_student import Features, NoisyStudent, Student, TableStudent

SHARE = 0.7
"""Weight of the students together were no record labelled; see ``results/trials/whole-system.json``."""


def whole_system(
    shop: Workshop, features: Features | None = None, network: Student | None = None, *, share: float = SHARE
) -> NoisyStudent:
    """Build the system, or a control of it.

    Args:
        shop: the floors, of a label set of the diagnostic superclasses.
        features: of a pretrained encoder, on one scale (``floors.tables.standardised``); None for a system without one.
        network: a student of augmented crops (``NetworkStudent``), pretrained or, as a control, from scratch; None for
            ridge students alone, which take seconds.
        share: weight of the students together were no record labelled, see ``NoisyStudent``.
    """
    students: dict[str, Student] = {"minirocket": TableStudent(lambda seed: shop.known.minirocket)}
    if features is not None:
        students["encoder"] = TableStudent(features)
    if network is not None:
        students["network"] = network
    return NoisyStudent(shop.ensemble, students, shop.known.training_rows, share)
