"""What is segmented: LUDB's records in patient-wise folds, with nested label fractions of each fold's training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.splits import nested_subsets, stratified_folds
from ssrl_ecg.data.wave_marks import MarkedDatabase, MarkedRecords, read_marked_database
from ssrl_ecg.errors import InputError

SCORING_RATE_HZ = 500.0
"""Samples are counted at LUDB's own rate, whatever the rate of a segmenter's input, so that all rows are comparable."""


@dataclass(frozen=True, eq=False)
class SegmentationTask:
    """The records, their folds, and everything derived from them once.

    Attributes:
        database: signals and marks.
        labels: rhythms, by which folds and fractions are stratified.
        folds: (record,) 1 to ``n_folds``; a patient is in one of them.
        fingerprint: of all signals and marks.
        seed: folds and fractions were drawn from.
    """

    database: MarkedDatabase
    labels: Labels
    folds: NDArray[np.int64]
    fingerprint: str
    seed: int
    _at: dict[float, MarkedRecords] = field(default_factory=dict, repr=False)

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.folds.max())

    @property
    def patients(self) -> NDArray[Any]:
        """(record,) patient of each record."""
        return self.database.records["patient_id"].to_numpy()

    @property
    def problems(self) -> list[str]:
        """A sentence for every lead or record that was left out."""
        table = self.database.problems.itertuples(index=False)
        return [f"left out: record {one.record_id} {one.lead}".rstrip() + f": {one.reason}" for one in table]

    @cached_property
    def truth(self) -> NDArray[np.uint8]:
        """(record, lead, time) masks at ``SCORING_RATE_HZ``."""
        return self.database.masks(SCORING_RATE_HZ)

    def tested(self, fold: int) -> NDArray[np.int64]:
        """Rows that a fold tests."""
        return np.flatnonzero(self.folds == fold)

    def trained(self, fold: int, fraction: float) -> NDArray[np.int64]:
        """Rows that a fold trains on: the fraction of all others; smaller fractions lie inside larger ones.

        Raises:
            InputError: a fraction outside (0, 1], or one that leaves no record.
        """
        rest = np.flatnonzero(self.folds != fold)
        return nested_subsets(self.labels, self.patients, [fraction], self.seed + fold, rows=rest)[fraction]

    def records_at(self, sampling_rate_hz: float) -> MarkedRecords:
        """All records at a rate; computed once."""
        if sampling_rate_hz not in self._at:
            self._at[sampling_rate_hz] = self.database.at(sampling_rate_hz)
        return self._at[sampling_rate_hz]


def read_task(
    source: LUDB, n_folds: int = 5, seed: int = 42, record_ids: Sequence[str] | None = None
) -> SegmentationTask:
    """Read the database and deal its patients to folds, stratified by rhythm.

    Args:
        source: LUDB.
        n_folds: number of folds, 2 or more.
        seed: of folds and label fractions.
        record_ids: which records; None for all.

    Raises:
        InputError: fewer patients than folds, or what ``read_marked_database`` refuses.
    """
    database = read_marked_database(source, record_ids)
    patients = database.records["patient_id"].to_numpy()
    if not 2 <= n_folds <= len(np.unique(patients)):
        expected = f"2 to {len(np.unique(patients))}, the number of patients"
        raise InputError("no such number of folds", field="folds", expected=expected, found=n_folds)
    table = source.records().set_index("record_id", drop=False).loc[database.records["record_id"]]
    labels = source.label_sets(table)["rhythm"]
    folds = stratified_folds(labels.values, patients, n_folds, seed)
    rate_hz = database.sampling_rate_hz
    marked = MarkedRecords(database.signal_mv, database.masks(rate_hz), rate_hz)
    return SegmentationTask(database, labels, folds, marked.fingerprint(), seed)
