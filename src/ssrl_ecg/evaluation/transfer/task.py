"""The MIT-BIH transfer task: DS1's beats to learn and choose on, DS2's to be tested on, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.mitbih import AAMI_CLASSES, DS1, DS2, MITBIH, SAME_PATIENT
from ssrl_ecg.data.source import fingerprint_content
from ssrl_ecg.data.splits import Split, assert_patients_disjoint
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.transfer.crossfit import N_FOLDS, deal_folds
from ssrl_ecg.evaluation.transfer.holter import HolterBeats, Rejected, read_holter_record
from ssrl_ecg.signals.preprocessing import Preprocessing

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TransferTask:
    """Beats to learn from and to be tested on; read once per preprocessing, when they are asked for.

    Attributes:
        train: ids of the training records.
        test: ids of the test records, as published.
        rejected: records and leads that were left out.
        fingerprint: of the content of the database's files.
        beats: preprocessing -> the beats of all records, training records first.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    fingerprint: str
    beats: Remembering[HolterBeats]

    @property
    def apart(self) -> tuple[str, ...]:
        """Test records without those of a patient who is among the training records too."""
        patients = {SAME_PATIENT.get(name, name) for name in self.train}
        return tuple(name for name in self.test if SAME_PATIENT.get(name, name) not in patients)


def open_task(
    root: Path, preprocessing: Preprocessing, train: Sequence[str] = DS1, test: Sequence[str] = DS2
) -> TransferTask:
    """Read the database; a record that cannot be used is left out and listed with the reason.

    Args:
        root: folder of MIT-BIH.
        preprocessing: what the records are read for at first, to see which of them can be.
        train: training records.
        test: test records.

    Raises:
        InputError: no such folder, or no record left to learn from or to be tested on.
    """
    source, usable, rejected = MITBIH(root), [], list[Rejected]()
    for name in (*train, *test):
        try:
            record = read_holter_record(source, name, preprocessing)
        except InputError as error:
            rejected.append(Rejected(name, str(error)))
        else:
            usable.append(record)
            rejected += record.notes
    names = {record.record_id for record in usable}
    kept = tuple(name for name in train if name in names), tuple(name for name in test if name in names)
    for part, left in zip(("training", "test"), kept, strict=True):
        if not left:
            reason = rejected[0].reason if rejected else "none was asked for"
            raise InputError(f"no {part} record can be used", file=root, expected="at least one", found=reason)
    files = [f"{name}.{suffix}" for name in (*train, *test) for suffix in ("hea", "dat", "atr")]
    read = Remembering(partial(_read_beats, source, kept[0] + kept[1]), 2)
    task = TransferTask(kept[0], kept[1], tuple(rejected), fingerprint_content(source.root, files), read)
    assert_patients_disjoint(source.records(), _split(source, task))
    return task


def _read_beats(source: MITBIH, names: Sequence[str], preprocessing: Preprocessing) -> HolterBeats:
    return HolterBeats.of([read_holter_record(source, name, preprocessing) for name in names], preprocessing)


def _split(source: MITBIH, task: TransferTask) -> Split:
    """The training records against the test records of other patients, as rows of the database's table."""
    ids = source.records()["record_id"].to_numpy()
    train, test = (np.flatnonzero(np.isin(ids, names)) for names in (task.train, task.apart))
    return Split(train, np.zeros(0, np.int64), test)


def part_rows(beats: HolterBeats, names: Sequence[str]) -> Rows:
    """Rows of the beats of some records."""
    numbers = [number for number, record in enumerate(beats.records) if record.record_id in names]
    return np.flatnonzero(np.isin(beats.record, numbers))


def beat_folds(beats: HolterBeats, names: Sequence[str]) -> Rows:
    """Fold of every beat of some records, from 0; -1 for those of others."""
    numbers = [number for number, record in enumerate(beats.records) if record.record_id in names]
    of_record = np.full(len(beats.records), -1)
    counts = np.array([beats.records[number].counts() for number in numbers]).reshape(-1, len(AAMI_CLASSES))
    of_record[numbers] = deal_folds(counts, min(N_FOLDS, len(numbers)))
    return of_record[beats.record]
