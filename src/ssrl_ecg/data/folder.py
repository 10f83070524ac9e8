"""People's own recordings: a folder of WFDB, CSV or NPY files and one CSV that says which record has which label.

The labels file has a row per record. Its column ``record`` is the file's name relative to the folder, with or without
its suffix; ``patient_id`` and ``fold`` are optional; every other column is a label:

- columns of 0 and 1, several: a multilabel task, one class per column;
- one column of 0 and 1: a binary task, its class named after the column;
- one column of anything else: a single-label task, its classes being the different texts.

An empty cell (also ``NA`` or ``NaN``) is an unknown label, and makes the label of its record unknown.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels, Task
from ssrl_ecg.data.source import Layout, Record, SignalFile, Source, fingerprint_files
from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.data.wfdb_reader import MAX_VALUES, read_wfdb
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, canonical_lead_name, lead_order, select_leads
from ssrl_ecg.signals.resample import resample

LABEL_SET = "labels"
"""Name of the one label set of a folder."""

N_FOLDS = 10
FOLD_SEED = 0
PLAUSIBLE_MV = (0.02, 20.0)
"""Between these the largest deflection of a 12-lead ECG in mV surely lies; beyond them the unit is another one."""

_MV_PER_UNIT = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
_SUFFIXES = (".hea", ".npy", ".csv")
_SIGNAL_SUFFIXES = (*_SUFFIXES, ".dat", ".mat")
_RESERVED = ("record", "patient_id", "fold")
_UNKNOWN = ["NA", "NaN", "nan"]
_ZERO_ONE = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
_RESAMPLING_MARGIN_S = 1.0


class Folder(Source):
    """A folder of 12-lead ECGs of your own.

    WFDB records bring their rate, leads and unit. A CSV has a header row of lead names and one row per sample. An NPY
    file is (12, time) or (time, 12). In every format further channels are ignored, and III, aVR, aVL and aVF are
    derived from I and II where they were not recorded. Records longer than ``duration_s`` are cut after it, records
    at other rates are resampled, shorter ones are rejected by the store.

    Without a column ``patient_id`` (or where its cell is empty) every record counts as its own patient: if patients
    have several recordings, give it, or the same patient may be trained and tested on. Without a column ``fold``,
    records get folds 1-10, patient-wise, stratified over the labels, and always the same; an empty cell is fold -1,
    which is in no part.

    Args:
        root: the folder.
        labels_csv: the labels file, relative to ``root`` or absolute.
        sampling_rate_hz: rate of the stored records.
        duration_s: length of the stored records.
        file_rate_hz: rate of the CSV and NPY files; without it they are rejected.
        unit: ``mV``, ``uV`` or ``V``, of the CSV and NPY files. None takes them for mV and rejects a record
            whose largest deflection from its lead's median is that of no ECG in mV.
        leads: lead names of NPY files, in their order.

    Raises:
        InputError: the folder is missing, or an argument makes no sense.
    """

    name: ClassVar[str] = "folder"

    def __init__(
        self,
        root: str | Path,
        labels_csv: str | Path = "labels.csv",
        *,
        sampling_rate_hz: float = 100.0,
        duration_s: float = 10.0,
        file_rate_hz: float | None = None,
        unit: str | None = None,
        leads: Sequence[str] = LEADS,
    ) -> None:
        self.root = Path(root)
        self.labels_csv = self.root / labels_csv
        if not self.root.is_dir():
            raise InputError("folder of recordings is missing", file=self.root)
        for field, value in {
            "sampling_rate_hz": sampling_rate_hz,
            "duration_s": duration_s,
            "file_rate_hz": file_rate_hz,
        }.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError("not a positive number", field=field, found=value)
        if unit is not None and unit not in _MV_PER_UNIT:
            raise InputError("unknown unit", field="unit", expected=", ".join(_MV_PER_UNIT), found=unit)
        lead_order(leads)
        self.duration_s, self.file_rate_hz, self.unit, self.leads = duration_s, file_rate_hz, unit, tuple(leads)
        self.expected = Layout(float(sampling_rate_hz), round(duration_s * sampling_rate_hz))

    def records(self) -> pd.DataFrame:
        """Return one row per row of the labels file.

        Raises:
            InputError: the labels file is missing, unreadable, empty, lacks ``record``, names a record twice, or has
                a fold that is no whole number.
        """
        table = self._read_table()
        records = pd.DataFrame({"record_id": table["record"], "patient_id": _patients(table), "path": table["record"]})
        records.insert(2, "fold", self._folds(table, records["patient_id"]))
        return records

    def read(self, record: Record) -> SignalFile:
        """Return a record's twelve leads in canonical order, cut to the duration, at the store's rate.

        Raises:
            InputError: the file is missing, outside the folder, unreadable, without rate, lacks a lead, or is
                implausible in mV.
        """
        path = self._find(record.path)
        recording = read_wfdb(path) if path.suffix == ".hea" else self._read_plain(path)
        known = [position for position, lead in enumerate(recording.leads) if _is_lead(lead)]
        names = [recording.leads[position] for position in known]
        signal_mv = select_leads(recording.signal_mv[known], names, LEADS)
        rate_hz, target_hz = recording.sampling_rate_hz, self.expected.sampling_rate_hz
        signal_mv = signal_mv[:, : self._n_needed(rate_hz)]
        if not math.isclose(rate_hz, target_hz, rel_tol=1e-6):
            signal_mv = resample(signal_mv, rate_hz, target_hz)
        return SignalFile(np.ascontiguousarray(signal_mv[:, : self.expected.n_samples], np.float32), target_hz, LEADS)

    def label_sets(self, records: pd.DataFrame) -> dict[str, Labels]:
        """Return the label set ``labels`` of these rows; none if the labels file has no label column.

        Classes follow from the whole file, whatever rows are asked for: 0/1 columns in the file's order, texts sorted.

        Raises:
            InputError: the columns are neither all 0/1 nor a single column of text.
        """
        table = self._read_table()
        labels = self._labels(table)
        if labels is None:
            return {}
        row_of = pd.Series(np.arange(len(table)), index=table["record"])
        return {LABEL_SET: labels.take(row_of.loc[records["record_id"]].to_numpy())}

    def fingerprint(self) -> str:
        """Return a hash of the labels file, of all records' files (name, size, time) and of how they are read."""
        names = self._read_table()["record"].tolist()
        stems = {*names, *(name.removesuffix(PurePosixPath(name).suffix) for name in names)}
        files = [f"{stem}{suffix}" for stem in stems for suffix in _SIGNAL_SUFFIXES]
        settings = (fingerprint_files(self.root, [self.labels_csv], files), self.file_rate_hz, self.unit, self.leads)
        return hashlib.sha256(repr(settings).encode()).hexdigest()

    def _read_table(self) -> pd.DataFrame:
        """Read the labels file as text, blanks around cells removed, unknown cells empty."""
        try:
            table = pd.read_csv(self.labels_csv, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except FileNotFoundError:
            raise InputError("labels file is missing", file=self.labels_csv) from None
        except (OSError, ValueError) as error:  # the parser's own errors are ValueErrors
            raise InputError(f"labels file cannot be read: {error}", file=self.labels_csv) from error
        table.columns = table.columns.str.strip()
        for name in table.columns:
            stripped = table[name].str.strip()
            table[name] = stripped if name == "record" else stripped.replace(_UNKNOWN, "")
        if "record" not in table.columns:
            found = ", ".join(table.columns)[:200]
            raise InputError("labels file lacks a column", file=self.labels_csv, field="record", found=found)
        if table.empty:
            raise InputError("labels file lists no record", file=self.labels_csv)
        if (table["record"] == "").any():
            row = int((table["record"] == "").argmax()) + 2
            raise InputError("record has no name", file=self.labels_csv, field="record", found=f"line {row}")
        if table["record"].duplicated().any():
            found = table["record"][table["record"].duplicated()].iloc[0]
            raise InputError("record is listed twice", file=self.labels_csv, field="record", found=found)
        return table

    def _folds(self, table: pd.DataFrame, patients: pd.Series[str]) -> NDArray[np.int64]:
        if "fold" not in table.columns:
            labels = self._labels(table)
            traits = np.zeros((len(table), 0)) if labels is None else np.column_stack([labels.values, ~labels.known])
            return stratified_folds(traits.astype(np.uint8), patients.to_numpy(), N_FOLDS, FOLD_SEED)
        folds = pd.to_numeric(table["fold"].replace("", "-1"), errors="coerce")
        wrong = folds.isna() | (folds % 1 != 0)
        if wrong.any():
            found = table["fold"][wrong].iloc[0]
            raise InputError("fold is not a whole number", file=self.labels_csv, field="fold", found=found)
        return folds.to_numpy().astype(np.int64)

    def _labels(self, table: pd.DataFrame) -> Labels | None:
        columns = table.drop(columns=[name for name in _RESERVED if name in table.columns])
        if columns.shape[1] == 0:
            return None
        known = (columns != "").all(axis=1).to_numpy()
        is_zero_one = (columns.isin(list(_ZERO_ONE)) | (columns == "")).to_numpy()
        if is_zero_one.all():
            values = columns.isin([text for text, value in _ZERO_ONE.items() if value]).to_numpy()
            task: Task = "multilabel" if columns.shape[1] > 1 else "binary"
            return Labels(LABEL_SET, tuple(map(str, columns.columns)), values.astype(np.uint8), known, task)
        if columns.shape[1] > 1:
            row, column = np.argwhere(~is_zero_one)[0]
            raise InputError(
                "label columns are read as 0/1 columns or as one column of text",
                file=self.labels_csv,
                field=str(columns.columns[column]),
                expected="0, 1 or nothing",
                found=repr(columns.iloc[row, column]),
            )
        texts = columns.iloc[:, 0].to_numpy()
        classes = tuple(sorted(set(texts[known])))
        return Labels(LABEL_SET, classes, (texts[:, None] == np.array(classes)).astype(np.uint8), known, "single")

    def _find(self, name: str) -> Path:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if PurePosixPath(name).is_absolute() or ".." in parts or ":" in name:
            raise InputError("not a path inside the folder", field="record", found=name)
        path = self.root.joinpath(*parts)
        candidates = [path] if path.suffix in _SUFFIXES else [path.with_name(path.name + one) for one in _SUFFIXES]
        found = [candidate for candidate in candidates if candidate.is_file()]
        if not found:
            raise InputError("file is missing", file=path, expected=" or ".join(one.name for one in candidates))
        if len(found) > 1:
            raise InputError("name is ambiguous: add the suffix", file=path, found=", ".join(one.name for one in found))
        return found[0]

    def _read_plain(self, path: Path) -> SignalFile:
        """Read a CSV or NPY file, from its start to a little beyond the duration, and turn it into mV."""
        if self.file_rate_hz is None:
            raise InputError("CSV and NPY files do not tell their sampling rate: give file_rate_hz", file=path)
        n_needed = self._n_needed(self.file_rate_hz)
        signal, leads = self._read_npy(path, n_needed) if path.suffix == ".npy" else _read_csv(path, n_needed)
        if signal.size == 0:
            raise InputError("no samples under a lead's name", file=path)
        signal_mv = signal * np.float32(_MV_PER_UNIT[self.unit or "mV"])
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
        return lead_time[:, :n_samples].astype(np.float32), self.leads

    def _n_needed(self, rate_hz: float) -> int:
        """Samples of a file that are of use: the duration, and a margin that keeps the filter off its end."""
        n_needed = math.ceil((self.duration_s + _RESAMPLING_MARGIN_S) * rate_hz)
        if n_needed * len(LEADS) > MAX_VALUES:
            raise InputError("record is too large", expected=f"at most {MAX_VALUES} values", found=f"{rate_hz:g} Hz")
        return n_needed


def _patients(table: pd.DataFrame) -> pd.Series[str]:
    alone = "record:" + table["record"]
    return table["patient_id"].where(table["patient_id"] != "", alone) if "patient_id" in table.columns else alone


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
    """Refuse what cannot be mV; a record without any deflection is flat, which the store counts, not another unit."""
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
