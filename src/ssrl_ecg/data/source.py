"""What a dataset must offer so that a store can be built from it."""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.simulation_truth import SimulationTruth
from ssrl_ecg.signals.resample import resample


@dataclass(frozen=True)
class SignalFile:
    """One recording as its file holds it.

    Attributes:
        signal_mv: (lead, time) float32 in mV, leads in the file's own order; NaN where the file marks a sample invalid.
        sampling_rate_hz: samples per second.
        leads: lead names in the file's own spelling.
        warnings: what its user should know of it, a sentence each.
    """

    signal_mv: NDArray[np.float32]
    sampling_rate_hz: float
    leads: tuple[str, ...]
    warnings: tuple[str, ...] = ()


SAME_AS = "same_as"
"""Column of a source's table in which it says that a record is another collection's: ``KIND:RECORD_ID``, or nothing."""

RESAMPLING_MARGIN_S = 1.0
"""How much further than the stored length a longer signal is read for resampling, so that no end is inside it."""


@dataclass(frozen=True)
class Layout:
    """What every record of a store has in common.

    Attributes:
        sampling_rate_hz: samples per second of the stored records.
        n_samples: samples per lead of the stored records.
        resample: whether a record at another rate is resampled; if not, it is rejected.
    """

    sampling_rate_hz: float
    n_samples: int
    resample: bool = False

    def beginning(self, signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float32]:
        """Return the beginning of a signal at the stored rate, as long as stored records, or all of a shorter one.

        Args:
            signal_mv: (lead, time) in mV.
            sampling_rate_hz: its rate.

        Raises:
            InputError: nothing is left of the signal.
        """
        if not math.isclose(sampling_rate_hz, self.sampling_rate_hz, rel_tol=1e-6):
            wanted_s = self.n_samples / self.sampling_rate_hz + RESAMPLING_MARGIN_S
            needed = signal_mv[:, : math.ceil(wanted_s * sampling_rate_hz)]
            signal_mv = resample(needed, sampling_rate_hz, self.sampling_rate_hz)
        return np.ascontiguousarray(signal_mv[:, : self.n_samples], np.float32)


class Record(Protocol):
    """A row of a source's table, as ``DataFrame.itertuples`` yields it: these attributes and the source's own."""

    @property
    def record_id(self) -> str:
        """The record's name in its source."""

    @property
    def path(self) -> str:
        """Where its signal lies, relative to the source's root."""


class Source(ABC):
    """A folder of recordings with a table of records and one or more label sets.

    Attributes:
        name: the dataset's name on the command line and in results.
        root: its folder.
        expected: rate and length every stored record must have.
    """

    name: ClassVar[str]
    root: Path
    expected: Layout

    @abstractmethod
    def records(self) -> pd.DataFrame:
        """Return one row per record.

        Columns: ``record_id`` str, unique; ``patient_id`` str; ``fold`` int, -1 where there is none; ``path`` str; then
        the source's own, among them ``SAME_AS`` where records are known to be of another collection.

        Raises:
            InputError: the table is missing, unreadable, or lacks a column.
        """

    @abstractmethod
    def read(self, record: Record) -> SignalFile:
        """Return one record's signal.

        Raises:
            InputError: the record cannot be read; the store lists it as rejected and goes on.
        """

    @abstractmethod
    def label_sets(self, records: pd.DataFrame) -> dict[str, Labels]:
        """Return every label set of these rows of ``records()``, by name."""

    def truth(self, records: pd.DataFrame) -> SimulationTruth | None:
        """Return what a simulator knows of these rows of ``records()``; None where nobody does: real recordings."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes when, and only when, the source's tables or signal files change."""


def fingerprint_files(root: Path, tables: Iterable[Path], files: Iterable[str]) -> str:
    """Return a SHA-256 over the tables' bytes and every other file's name, size and time of last change.

    Args:
        root: the folder ``files`` are relative to.
        tables: files whose content is hashed.
        files: paths relative to ``root``, of which only size and time are hashed: 40,000 take about 0.2 s. A file that
            is absent counts as such.
    """
    digest = hashlib.sha256()
    for table in tables:
        digest.update(table.read_bytes())
    for name in sorted(files):
        try:
            status = os.stat(f"{root}/{name}")
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "absent"
        digest.update(f"{name}\0{state}\n".encode())
    return digest.hexdigest()


def fingerprint_content(root: Path, files: Iterable[str]) -> str:
    """Return a SHA-256 over the names and bytes of files: the same for every copy of them.

    Args:
        root: the folder ``files`` are relative to.
        files: paths relative to ``root``, all read: about 1 s per GB. A file that is absent counts as such.
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        try:
            with open(root / name, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            content = "absent"
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()
