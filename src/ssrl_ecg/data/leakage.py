"""Leakage audit: who must not be pretrained on, because a validation or test patient would be seen.

Three ways lead there: a patient who is in both; a record of another collection whose header says that it is one of
these (``SAME_AS``); and the same signal under another name (``duplicates``). Records on which one of the three is found
are taken out, with all other records of their patient. A record that names its original in a collection that is not at
hand is taken out too: nobody can say in which fold the original is. Duplicates among training records are named and
stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.duplicates import find_duplicates
from ssrl_ecg.data.source import SAME_AS
from ssrl_ecg.data.splits import Rows, Split, assert_patients_disjoint
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.files import atomic_path

LIST_NAME = "leakage.csv"
_FIRST = 10


@dataclass(frozen=True, eq=False)
class LeakageAudit:
    """What the audit found.

    Attributes:
        train: rows that may be trained on.
        held_out: rows that may not.
        excluded: one row per record that was to be trained on and is taken out: ``record_id``, ``reason``.
        duplicates: one row per pair that is one recording: ``first``, ``second`` (record ids), ``first_part``,
            ``second_part`` (train, held out, or neither), ``found_by`` (header or signal), ``correlation`` (NaN where
            the signals do not show it), ``between`` (whether they are of two collections).
    """

    train: Rows
    held_out: Rows
    excluded: pd.DataFrame
    duplicates: pd.DataFrame

    @property
    def verdict(self) -> str:
        """One line."""
        parts = self.duplicates[["first_part", "second_part"]].to_numpy()
        n_pairs, n_held_out = len(parts), int((parts == "held out").any(axis=1).sum())
        return (
            f"leakage audit: {len(self.train)} recordings to train on, {len(self.held_out)} held out, no patient in "
            f"both; {n_pairs} pairs of duplicates, {n_held_out} with a held-out one; {len(self.excluded)} excluded"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict, counts, and the first of each list as plain values."""
        between = self.duplicates["between"].to_numpy(bool)
        return {
            "verdict": self.verdict,
            "n_train": len(self.train),
            "n_held_out": len(self.held_out),
            "n_excluded": self.excluded["reason"].value_counts().to_dict(),
            "first_excluded": self.excluded["record_id"].head(_FIRST).tolist(),
            "n_duplicates_between_collections": int(between.sum()),
            "n_duplicates_within_collections": int((~between).sum()),
            "first_duplicates": self.duplicates[["first", "second"]].head(_FIRST).to_numpy().tolist(),
            "all": LIST_NAME,
        }

    def write(self, folder: Path) -> None:
        """Write ``leakage.csv``: excluded records, then pairs of duplicates."""
        excluded = self.excluded.rename(columns={"record_id": "first"}).assign(what="excluded")
        columns = ["what", "first", "reason", *self.duplicates.columns[1:]]
        table = pd.concat([excluded, self.duplicates.assign(what="duplicates")]).reindex(columns=columns)
        with atomic_path(folder / LIST_NAME) as temporary:
            table.to_csv(temporary, index=False, float_format="%.4f")


def audit(store: RecordStore, train: Rows, held_out: Rows) -> LeakageAudit:
    """Look for held-out recordings among those to train on, and take them out.

    All signals are read, held-out ones too: to be compared, not to be learnt from.

    Args:
        store: the records of all collections.
        train: rows to train on.
        held_out: rows that weights will be chosen or judged by.
    """
    part = np.full(len(store), "neither", dtype=object)
    part[train], part[held_out] = "train", "held out"
    originals = _originals(store)
    pairs = _pairs(store, originals)
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    leaking = np.unique(np.concatenate([first[part[second] == "held out"], second[part[first] == "held out"]]))
    patients = store.records["patient_id"].to_numpy()
    shared = np.isin(patients, patients[np.concatenate([held_out, leaking])])
    reason = np.full(len(store), "", dtype=object)
    reason[shared] = "its patient is held out"
    reason[originals == -1] = "its original is not at hand"
    reason[leaking] = "it is a held-out recording"
    is_out = reason[train] != ""
    kept = train[~is_out]
    assert_patients_disjoint(store.records, Split(kept, np.empty(0, np.int64), held_out))
    ids = store.records["record_id"].to_numpy()
    excluded = pd.DataFrame({"record_id": ids[train[is_out]], "reason": reason[train[is_out]]})
    return LeakageAudit(kept, held_out, excluded, _named(pairs, ids, part, _collection(store)))


def audit_splits(store: RecordStore, splits: Sequence[Split]) -> tuple[list[Split], LeakageAudit]:
    """Take those who must not be seen out of the training rows of splits.

    Args:
        store: the records.
        splits: splits that share their training rows, such as a rotation.

    Returns:
        The splits with the training rows that are left, and what was found.
    """
    held_out = np.unique(np.concatenate([rows for split in splits for rows in (split.validation, split.test)]))
    found = audit(store, splits[0].train, held_out)
    return [replace(split, train=found.train) for split in splits], found


def _originals(store: RecordStore) -> NDArray[np.int64]:
    """Return the row that each record names as its original; -1: it names one that is not here, -2: it names none."""
    if SAME_AS not in store.records:
        return np.full(len(store), -2)
    rows: dict[str, int] = {}
    start = 0
    for one, own in store.by_source(np.arange(len(store))):
        names = [f"{one.facts.source}:{record_id}" for record_id in one.records["record_id"]]
        rows.update(zip(names, range(start, start + len(own)), strict=True))
        start += len(own)
    named = store.records[SAME_AS].fillna("")
    return np.array([rows.get(name, -1) if name else -2 for name in named], dtype=np.int64)


def _pairs(store: RecordStore, originals: NDArray[np.int64]) -> pd.DataFrame:
    """Return pairs of rows by header and by signal, each pair once: first, second, found_by, correlation."""
    named = np.flatnonzero(originals >= 0)
    by_header = np.sort(np.column_stack([named, originals[named]]), axis=1)
    headers = pd.DataFrame(by_header, columns=["first", "second"])
    pairs = headers.assign(found_by="header").merge(
        pd.DataFrame(find_duplicates(store)._asdict()), on=["first", "second"], how="outer"
    )
    return pairs.fillna({"found_by": "signal"})


def _named(pairs: pd.DataFrame, ids: NDArray[Any], part: NDArray[Any], collection: NDArray[np.int64]) -> pd.DataFrame:
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    return pd.DataFrame(
        {
            "first": ids[first],
            "second": ids[second],
            "first_part": part[first],
            "second_part": part[second],
            "found_by": pairs["found_by"].to_numpy(),
            "correlation": pairs["correlation"].to_numpy(),
            "between": collection[first] != collection[second],
        }
    )


def _collection(store: RecordStore) -> NDArray[np.int64]:
    """Return the number of each record's collection."""
    sizes = [len(own) for _, own in store.by_source(np.arange(len(store)))]
    return np.repeat(np.arange(len(sizes)), sizes)
