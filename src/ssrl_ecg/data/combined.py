"""Several stores as one: what pretraining on several collections reads from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, eq=False)
class CombinedStore(RecordStore):
    """The records of several stores, one store after the other; nothing is copied.

    ``records`` has the columns of all of them and ``source``, the name that its record's store has here: its source's,
    with a number where several are of one source. It also stands before every ``record_id`` and ``patient_id``, so that
    none of two stores are the same. ``path`` is a folder beside the first store for what is found in the signals; it
    need not exist. ``signals_uv`` is empty: signals stay where they are.

    Attributes:
        parts: the stores.
    """

    parts: tuple[RecordStore, ...]

    @classmethod
    def of(cls, parts: Sequence[RecordStore]) -> RecordStore:
        """Combine stores; a single one is returned as it is.

        Raises:
            InputError: the stores differ in rate or length.
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        for other in parts[1:]:
            _require_alike(first, other)
        n_leads, n_samples = len(first.facts.leads), first.facts.n_samples
        fingerprint = _joined(part.facts.fingerprint for part in parts)
        counts = [name for name in vars(first.facts) if name.startswith("n_") and name != "n_samples"]
        totals = {name: sum(getattr(part.facts, name) for part in parts) for name in counts}
        facts = replace(
            first.facts,
            source="+".join(part.facts.source for part in parts),
            root_name="+".join(part.facts.root_name for part in parts),
            source_fingerprint=_joined(part.facts.source_fingerprint for part in parts),
            fingerprint=fingerprint,
            **totals,
        )
        path = first.path.with_name(f"combined-{fingerprint[:16]}")
        return cls(path, facts, _records(parts), np.empty((0, n_leads, n_samples), np.int16), tuple(parts))

    def __reduce__(self) -> tuple[Callable[..., RecordStore], tuple[tuple[RecordStore, ...]]]:  # type: ignore[override]
        """Pickle the parts, which pickle their paths."""
        return CombinedStore.of, (self.parts,)

    def read_mv(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Read records as ``RecordStore.read_mv`` does."""
        wanted = self.checked_rows(rows)
        signal_mv = np.empty((len(wanted), *self.signals_uv.shape[1:]), dtype=np.float32)
        number = np.searchsorted(self._ends, wanted, side="right")
        for part_number in np.unique(number):
            own = number == part_number
            signal_mv[own] = self.parts[part_number].read_mv(wanted[own] - self._starts[part_number])
        return signal_mv

    def by_source(self, rows: ArrayLike) -> list[tuple[RecordStore, NDArray[np.int64]]]:
        """Return every part with those of the rows that are its own, numbered as in it."""
        wanted = self.checked_rows(rows)
        spans = zip(self.parts, self._starts, self._ends, strict=True)
        return [(part, wanted[(wanted >= start) & (wanted < end)] - start) for part, start, end in spans]

    def labels(self, name: str) -> Labels:
        """Return a label set of the first part; of other parts where they have one of this name and these classes.

        Raises:
            InputError: the first part has no label set of this name, or a file is damaged.
        """
        first = self.parts[0].labels(name)
        of_parts = [_labels_or_unknown(part, first) for part in self.parts]
        values = np.concatenate([labels.values for labels in of_parts])
        return Labels(name, first.classes, values, np.concatenate([labels.known for labels in of_parts]), first.task)

    @property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([len(part) for part in self.parts])

    @property
    def _starts(self) -> NDArray[np.int64]:
        return np.concatenate([[0], self._ends[:-1]])


def _joined(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()


def _require_alike(first: RecordStore, other: RecordStore) -> None:
    """Refuse a store whose records cannot be in one batch with those of the first."""
    for field, unit in (("sampling_rate_hz", "Hz"), ("n_samples", "samples")):
        expected, found = getattr(first.facts, field), getattr(other.facts, field)
        if expected != found:
            what = f"records are not like those of {first.path.name}"
            raise InputError(what, file=other.path, field=field, expected=f"{expected:g} {unit}", found=f"{found:g}")


def _records(parts: Sequence[RecordStore]) -> pd.DataFrame:
    sources = [part.facts.source for part in parts]
    names = [
        source if sources.count(source) == 1 else f"{source}{sources[:number].count(source) + 1}"
        for number, source in enumerate(sources)
    ]
    tables = [
        part.records.assign(
            source=name,
            record_id=f"{name}:" + part.records["record_id"],
            patient_id=f"{name}:" + part.records["patient_id"],
        )
        for part, name in zip(parts, names, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _labels_or_unknown(part: RecordStore, wanted: Labels) -> Labels:
    if wanted.name in part.facts.label_sets:
        own = part.labels(wanted.name)
        if (own.classes, own.task) == (wanted.classes, wanted.task):
            return own
    nothing = np.zeros((len(part), len(wanted.classes)), np.uint8)
    return Labels(wanted.name, wanted.classes, nothing, np.zeros(len(part), np.bool_), wanted.task)
