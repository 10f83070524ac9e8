"""One recording from one file, whatever the format: WFDB, CSV or NPY to twelve canonical leads in mV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.source import Record, SignalFile
from ssrl_ecg.data.wfdb_reader import MAX_VALUES, read_wfdb
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, canonical_lead_name, lead_order, select_leads

SUFFIXES = (".hea", ".npy", ".csv")
"""Formats by the suffix of the file that is named; WFDB's signals are found through their header."""
_SIGNAL_SUFFIXES = (".dat", ".mat")
MV_PER_UNIT = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
PLAUSIBLE_MV = (0.02, 20.0)
"""Between these the largest deflection of a 12-lead ECG in mV surely lies; beyond them the unit is another one."""


@dataclass(frozen=True)
class FileReader:
    """How recordings are read; WFDB records bring their rate, leads and unit, CSV and NPY files do not.

    A CSV has a header row of lead names and one row per sample. An NPY file is (12, time) or (time, 12). In every
    format further channels are ignored, and III, aVR, aVL and aVF are derived from I and II where they were not
    recorded.

    Attributes:
        file_rate_hz: rate of the CSV and NPY files; without it they are refused.
        unit: ``mV``, ``uV`` or ``V``, of the CSV and NPY files. None takes them for mV and refuses a recording whose
            largest deflection from its lead's median is that of no ECG in mV.
        leads: lead names of NPY files, in their order.

    Raises:
        InputError: an argument makes no sense.
    """

    file_rate_hz: float | None = None
    unit: str | None = None
    leads: Sequence[str] = LEADS

    def __post_init__(self) -> None:
        if self.file_rate_hz is not None and not (math.isfinite(self.file_rate_hz) and self.file_rate_hz > 0):
            raise InputError("not a positive number", field="file_rate_hz", found=self.file_rate_hz)
        if self.unit is not None and self.unit not in MV_PER_UNIT:
            raise InputError("unknown unit", field="unit", expected=", ".join(MV_PER_UNIT), found=self.unit)
        lead_order(self.leads)

    def read(self, path: Path, duration_s: float | None = None) -> SignalFile:
        """Return a file's twelve leads in canonical order, at its own rate.

        Args:
            path: a file whose suffix is one of ``SUFFIXES``.
            duration_s: leave out what comes after it; None reads all.

        Raises:
            InputError: the file is unreadable, too large, without rate, lacks a lead, or is implausible in mV.
        """
        recording = read_wfdb(path) if path.suffix == ".hea" else self._read_plain(path, duration_s)
        n_samples = _n_samples(duration_s, recording.sampling_rate_hz)
        known = [position for position, lead in enumerate(recording.leads) if _is_lead(lead)]
        names = [recording.leads[position] for position in known]
        signal_mv = select_leads(recording.signal_mv[known, :n_samples], names, LEADS)
        return SignalFile(signal_mv, recording.sampling_rate_hz, LEADS)

    def _read_plain(self, path: Path, duration_s: float | None) -> SignalFile:
        """Read a CSV or NPY file and turn it into mV."""
        if self.file_rate_hz is None:
            raise InputError("CSV and NPY files do not tell their sampling rate: give file_rate_hz", file=path)
        n_samples = _n_samples(duration_s, self.file_rate_hz)
        signal, leads = self._read_npy(path, n_samples) if path.suffix == ".npy" else _read_csv(path, n_samples)
        if signal.size == 0:
            raise InputError("no samples under a lead's name", file=path)
        signal_mv = signal * np.float32(MV_PER_UNIT[self.unit or "mV"])
        if self.unit is None:
            _check_plausible(signal_mv, path)
        return SignalFile(signal_mv, self.file_rate_hz, leads)

    def _read_npy(self, path: Path, n_samples: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        try:
            stored: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"array cannot be read: {error}", file=path) from error
        fits = [stored.ndim == 2 and length == len(self.leads) for length in stored.shape]
        if stored.dtype.kind not in "fiu" or sum(fits) != 1:
            expected = f"numbers, ({len(self.leads)}, time) or (time, {len(self.leads)})"
            raise InputError("array does not fit", file=path, expected=expected, found=f"{stored.dtype} {stored.shape}")
        lead_time = stored if fits[0] else stored.T
        return lead_time[:, :n_samples].astype(np.float32), tuple(self.leads)


@dataclass(frozen=True)
class RecordingFiles:
    """Single files as a table of records, each read at its own rate and in full length.

    Attributes:
        paths: the files; a WFDB record may be named by its header, its signal file or without a suffix.
        reader: how CSV and NPY files are read.
    """

    paths: Sequence[Path]
    reader: FileReader

    def records(self) -> pd.DataFrame:
        """Return ``record_id`` and ``path``, both the file's name as given."""
        names = [path.as_posix() for path in self.paths]
        return pd.DataFrame({"record_id": names, "path": names}, dtype=object)

    def read(self, record: Record) -> SignalFile:
        """Return a file's twelve leads in canonical order.

        Raises:
            InputError: see ``FileReader.read``; or the file is missing.
        """
        named = Path(record.path)
        header = named.with_suffix("") if named.suffix in _SIGNAL_SUFFIXES else named
        path = named if named.suffix in SUFFIXES else header.with_name(f"{header.name}.hea")
        if not path.is_file():
            raise InputError("file is missing", file=path)
        return self.reader.read(path)


def _n_samples(duration_s: float | None, rate_hz: float) -> int:
    largest = MAX_VALUES // len(LEADS)
    if duration_s is None:
        return largest
    n_samples = math.ceil(duration_s * rate_hz)
    if n_samples > largest:
        raise InputError("record is too large", expected=f"at most {MAX_VALUES} values", found=f"{rate_hz:g} Hz")
    return n_samples


def _read_csv(path: Path, n_samples: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read the lead columns of a CSV: (lead, time) and their names."""
    try:
        table = pd.read_csv(path, nrows=n_samples, usecols=_is_lead, encoding="utf-8-sig")
        return table.to_numpy(dtype=np.float32).T, tuple(str(column) for column in table.columns)
    except (OSError, ValueError) as error:
        raise InputError(f"table cannot be read: {error}", file=path) from error


def _is_lead(name: str) -> bool:
    try:
        canonical_lead_name(name)
    except InputError:
        return False
    return True


def _check_plausible(signal_mv: NDArray[np.float32], path: Path) -> None:
    """Refuse what cannot be mV; a record without any deflection is flat, which is no question of units."""
    finite = np.where(np.isfinite(signal_mv), signal_mv, 0)
    largest = float(np.abs(finite - np.median(finite, axis=1, keepdims=True)).max())
    if largest == 0 or PLAUSIBLE_MV[0] <= largest <= PLAUSIBLE_MV[1]:
        return
    likely = "uV" if largest > PLAUSIBLE_MV[1] else "V"
    raise InputError(
        f'this is no ECG in mV: if the values are in {likely}, give unit="{likely}"',
        file=path,
        expected=f"largest deflection between {PLAUSIBLE_MV[0]:g} and {PLAUSIBLE_MV[1]:g} mV",
        found=f"{largest:.4g}",
    )
