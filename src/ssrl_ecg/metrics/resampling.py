"""What a bootstrap replicate draws: patients within test folds, and label subsets.

A replicate draws patients (all records of one together) with replacement within each fold and, independently, label
subsets with replacement: the two-way "pigeonhole" bootstrap (Owen 2007), because the models of every subset score
every patient.

A draw that loses the last positive of a class leaves it without an AUROC, and a macro mean over the classes that
happen to survive is biased. So, within a fold, patients who carry a side (positive or negative) of a class that fewer
than ``RARE`` patients carry there are drawn as strata of their own, rarest first, and a replicate that still loses a
class is drawn again and counted. Only rare sides are strata: more of them would fix the case mix and make intervals
too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, Targets, checked, checked_classes

#: A class with fewer positives or negatives than this is rare.
RARE = 10

#: Rounds of drawing before giving up on keeping every class.
MAX_ROUNDS = 100

Flags = NDArray[np.bool_]
Counts = NDArray[np.int16]
Generator = np.random.Generator


class EvaluatedRecords:
    """The test records that models are judged on, whatever the model.

    Attributes:
        targets: (record, class), 0 or 1.
        patients: (record,), any ids.
        folds: (record,), the test fold of each record.
        classes: one name per column of ``targets``.
    """

    def __init__(self, targets: ArrayLike, patients: ArrayLike, folds: ArrayLike, classes: tuple[str, ...]) -> None:
        """Check and keep the columns.

        Raises:
            InputError: columns of different lengths, a patient in two folds, or what ``checked`` refuses.
        """
        self.targets: Targets = checked(targets, np.zeros(np.shape(targets)))[0]
        self.classes = checked_classes(classes, self.targets)
        self.patients, self.folds = np.asarray(patients), np.asarray(folds)
        for name, column in (("patients", self.patients), ("folds", self.folds)):
            if column.shape != (len(self.targets),):
                raise InputError(
                    "there is not one entry per record", field=name, expected=len(self.targets), found=column.shape
                )
        self._assert_patients_stay_in_folds()

    def _assert_patients_stay_in_folds(self) -> None:
        ids, patient = np.unique(self.patients, return_inverse=True)
        fold = np.unique(self.folds, return_inverse=True)[1]
        n_folds = np.bincount(np.unique(np.stack([patient, fold]), axis=1)[0])
        if n_folds.max() > 1:
            raise InputError("a patient is in more than one test fold", field="patients", found=ids[n_folds.argmax()])

    def fold_rows(self) -> dict[str, NDArray[np.intp]]:
        """Fold -> its rows, folds ascending."""
        return {str(fold): np.flatnonzero(self.folds == fold) for fold in np.unique(self.folds)}

    def rare(self) -> Flags:
        """Which classes, (class,), have fewer than ``RARE`` positive or negative records in all folds together."""
        positives = self.targets.sum(axis=0, dtype=np.int64)
        return np.asarray(np.minimum(positives, len(self.targets) - positives) < RARE)

    def undefined_in_folds(self) -> dict[str, tuple[str, ...]]:
        """Fold -> classes without positives or without negatives in it; folds without such classes are left out."""
        flat = {fold: np.ptp(self.targets[rows], axis=0) == 0 for fold, rows in self.fold_rows().items()}
        return {
            fold: tuple(name for name, missing in zip(self.classes, classes, strict=True) if missing)
            for fold, classes in flat.items()
            if classes.any()
        }


class ModelScores:
    """What one way of training says of the evaluated records, in one or more cells (a label subset and a seed).

    Attributes:
        scores: (cell, record, class), finite.
        subsets: (cell,), the label subset each cell was trained on; cells of one subset are its seeds.
    """

    def __init__(self, scores: ArrayLike, subsets: ArrayLike | None = None) -> None:
        """Keep one cell (record, class) or several (cell, record, class).

        Args:
            scores: of the evaluated records, in their order; within a fold on one scale.
            subsets: (cell,), any ids. None: every cell is a subset of its own, which is also right for several seeds of
                all labels, as the seed is then what varies.

        Raises:
            InputError: scores of another rank, or not one subset id per cell.
        """
        array = np.asarray(scores, dtype=np.float64)
        self.scores: FloatArray = array[np.newaxis] if array.ndim == 2 else array
        if self.scores.ndim != 3 or not len(self.scores):
            raise InputError("scores are no cells of records and classes", field="scores", found=array.shape)
        self.subsets = np.arange(len(self.scores)) if subsets is None else np.asarray(subsets)
        if self.subsets.shape != (len(self.scores),):
            raise InputError(
                "there is not one subset per cell", field="subsets", expected=len(self.scores), found=self.subsets.shape
            )

    def subset_ids(self) -> NDArray[np.generic]:
        """The distinct subsets, ascending."""
        return np.unique(self.subsets)

    def cell_weights(self) -> FloatArray:
        """What each cell, (cell,), weighs when seeds are averaged first and then subsets; they add up to 1."""
        _, subset, n_seeds = np.unique(self.subsets, return_inverse=True, return_counts=True)
        weights: FloatArray = 1 / (len(n_seeds) * n_seeds[subset])
        return weights


@dataclass(frozen=True)
class Resamples:
    """Bootstrap replicates, shared by all models that are compared.

    Attributes:
        record_counts: (replicate, record), how often each record was drawn.
        subset_counts: (replicate, subset), how often each label subset was drawn, subsets ascending.
        n_redrawn: draws that were thrown away because a class was lost in a fold.
    """

    record_counts: NDArray[np.integer]
    subset_counts: NDArray[np.integer]
    n_redrawn: int

    @classmethod
    def whole_sample(cls, n_records: int, n_subsets: int) -> Resamples:
        """The sample itself as a single replicate: every record and every subset once."""
        return cls(np.ones((1, n_records), dtype=np.int16), np.ones((1, n_subsets), dtype=np.int16), 0)


def draw_resamples(records: EvaluatedRecords, n_subsets: int, n_replicates: int, generator: Generator) -> Resamples:
    """Draw patients within folds, and subsets.

    Args:
        records: the records to draw from.
        n_subsets: how many label subsets there are; one is drawn as itself.
        n_replicates: how many replicates, at least 2.
        generator: the only source of randomness.

    Raises:
        InputError: fewer than 2 replicates, or a fold of which no replicate keeps every class.
    """
    if n_replicates < 2:
        raise InputError("too few bootstrap replicates", field="n_replicates", expected="2 or more", found=n_replicates)
    record_counts = np.empty((n_replicates, len(records.targets)), dtype=np.int16)
    n_redrawn = 0
    for fold, rows in records.fold_rows().items():
        patient = np.unique(records.patients[rows], return_inverse=True)[1]
        sides = _patient_sides(records.targets[rows], patient)
        counts, n_again = _draw_patients(sides, n_replicates, generator, fold)
        record_counts[:, rows] = counts[:, patient]
        n_redrawn += n_again
    subset_counts = generator.multinomial(n_subsets, np.full(n_subsets, 1 / n_subsets), size=n_replicates)
    return Resamples(record_counts, subset_counts, n_redrawn)


def _patient_sides(targets: Targets, patient: NDArray[np.intp]) -> Flags:
    """Which sides (positive, negative) of the fold's defined classes each patient is on: (patient, side)."""
    defined = targets[:, np.ptp(targets, axis=0) > 0]
    records_on_side = np.concatenate([defined == 1, defined == 0], axis=1)
    sides = np.zeros((patient.max() + 1, records_on_side.shape[1]), dtype=bool)
    np.logical_or.at(sides, patient, records_on_side)
    return sides


def _strata(sides: Flags) -> NDArray[np.intp]:
    """Stratum of each patient: the rarest side it is on with fewer than ``RARE`` patients, else the common one."""
    sizes = sides.sum(axis=0)
    rarest_first = np.argsort(sizes, kind="stable")
    rare = sides[:, rarest_first[sizes[rarest_first] < RARE]]
    common = np.ones((len(sides), 1), dtype=bool)
    stratum: NDArray[np.intp] = np.concatenate([rare, common], axis=1).argmax(axis=1)
    return stratum


def _draw_patients(sides: Flags, n_replicates: int, generator: Generator, fold: str) -> tuple[Counts, int]:
    """Draw a fold's patients, (replicate, patient), until each replicate has every side; and count the redrawn."""
    strata = _strata(sides)
    present = sides.astype(np.float32)
    counts = _draw_within(strata, n_replicates, generator)
    n_redrawn = 0
    for _ in range(MAX_ROUNDS):
        lost = np.flatnonzero((counts.astype(np.float32) @ present == 0).any(axis=1))
        if not lost.size:
            return counts, n_redrawn
        n_redrawn += lost.size
        counts[lost] = _draw_within(strata, lost.size, generator)
    raise InputError(
        "no bootstrap replicate keeps every class of a test fold: leave out its rarest classes", found=fold
    )


def _draw_within(strata: NDArray[np.intp], n_replicates: int, generator: Generator) -> Counts:
    """Draw patients with replacement within strata, as many as each has: (replicate, patient)."""
    counts = np.empty((n_replicates, len(strata)), dtype=np.int16)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), n_replicates)
    return counts
