"""Conformal label sets: which answers a record's score leaves open, with a coverage that needs no trust in the model.

Each class is a question of its own, "has the record this class or not?". An answer is struck out where the record's
score would be among the least fitting of the calibration records with that answer. That is split conformal prediction
within each label (label-conditional, or Mondrian: Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random
world", section 4.5; Vovk 2012, "Conditional validity of inductive conformal predictors").

What it promises: for every class, among new records that have the class, the answer "yes" is left open in at least
``coverage`` of them, and among those that have not, "no" is, provided that calibration records and new ones are
exchangeable (the same kind of patients and recorders). It holds on average over calibration sets, for each class on its
own, and says nothing about all classes of a record at once. The answers left open may be one, both (the score does not
tell) or none (the record is unlike both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.metrics.inputs import FloatArray, Targets, check_level, checked, ratio


@dataclass(frozen=True, eq=False)
class LabelConditional:
    """Scores of calibration records, by which answers are kept or struck out.

    Attributes:
        targets: (record, class), 0 or 1, of the calibration records.
        scores: (record, class), larger means more likely positive.
    """

    targets: Targets
    scores: FloatArray

    def p_values(self, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Say how well scores fit "yes" and "no".

        Args:
            scores: (record, class).

        Returns:
            Of "yes" and of "no", (record, class) each, in (0, 1]: the share of calibration records with that answer
            that fit it no better, the record itself counted as one of them; 1 without such records.
        """
        given = np.asarray(scores, dtype=np.float64)
        yes, no = np.empty_like(given), np.empty_like(given)
        for column, (target, known) in enumerate(zip(self.targets.T, self.scores.T, strict=True)):
            with_class, without = np.sort(known[target == 1]), np.sort(known[target == 0])
            lower = np.searchsorted(with_class, given[:, column], side="right")
            higher = len(without) - np.searchsorted(without, given[:, column], side="left")
            yes[:, column] = (lower + 1) / (len(with_class) + 1)
            no[:, column] = (higher + 1) / (len(without) + 1)
        return yes, no

    def open_answers(self, scores: ArrayLike, coverage: float) -> NDArray[np.bool_]:
        """Say which answers are left open.

        Args:
            scores: (record, class).
            coverage: the promised share, in (0, 1).

        Returns:
            (record, class, 2): "no" and "yes".

        Raises:
            InputError: a coverage outside (0, 1).
        """
        check_level(coverage)
        yes, no = self.p_values(scores)
        return np.stack([no, yes], axis=-1) > 1 - coverage


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often the right answer was left open, per class.

    Attributes:
        present: (class,), among records with the class; NaN where there are none.
        absent: (class,), among records without it; NaN where there are none.
        single: (class,), share of records with exactly one answer left.
        both: (class,), share of records with both answers left.
    """

    present: FloatArray
    absent: FloatArray
    single: FloatArray
    both: FloatArray


def measure_coverage(targets: ArrayLike, open_answers: NDArray[np.bool_]) -> Coverage:
    """Measure coverage and size of label sets on records that took no part in calibration.

    Args:
        targets: (record, class), 0 or 1.
        open_answers: (record, class, 2), as ``LabelConditional.open_answers`` returns them.

    Raises:
        InputError: see ``metrics.inputs.checked``.
    """
    target, _ = checked(targets, open_answers[..., 1])
    is_open, is_present = open_answers.astype(np.float64), target.astype(np.float64)
    n_open = open_answers.sum(axis=-1)
    return Coverage(
        present=ratio((is_open[..., 1] * is_present).sum(axis=0), is_present.sum(axis=0)),
        absent=ratio((is_open[..., 0] * (1 - is_present)).sum(axis=0), (1 - is_present).sum(axis=0)),
        single=(n_open == 1).mean(axis=0),
        both=(n_open == 2).mean(axis=0),
    )
