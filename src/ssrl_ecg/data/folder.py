"""People's own recordings: a folder of files of any format and one CSV that says which record has which label.

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
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels, Task
from ssrl_ecg.data.recording import SUFFIXES, FileReader
from ssrl_ecg.data.source import RESAMPLING_MARGIN_S, Layout, Record, SignalFile, Source, fingerprint_files
from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

LABEL_SET = "labels"
"""Name of the one label set of a folder."""

N_FOLDS = 10
FOLD_SEED = 0
_SIGNAL_SUFFIXES = (*SUFFIXES, ".dat", ".mat")
_RESERVED = ("record", "patient_id", "fold")
_UNKNOWN = ["NA", "NaN", "nan"]
_ZERO_ONE = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}


class Folder(Source):
    """A folder of 12-lead ECGs of your own, read as ``FileReader`` says.

    Records longer than ``duration_s`` are cut after it, records
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
        file_rate_hz, unit, leads: see ``FileReader``.

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
        for field, value in {"sampling_rate_hz": sampling_rate_hz, "duration_s": duration_s}.items():
            if not (math.isfinite(value) and value > 0):
                raise InputError("not a positive number", field=field, found=value)
        self.duration_s = duration_s
        self.reader = FileReader(file_rate_hz, unit, tuple(leads))
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
        recording = self.reader.read(self._find(record.path), self.duration_s + RESAMPLING_MARGIN_S)
        signal_mv = self.expected.beginning(recording.signal_mv, recording.sampling_rate_hz)
        return SignalFile(signal_mv, self.expected.sampling_rate_hz, LEADS)

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
        how = self.reader.file_rate_hz, self.reader.unit, self.reader.leads
        settings = (fingerprint_files(self.root, [self.labels_csv], files), *how)
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
        candidates = (
            [path]
            if path.suffix in SUFFIXES or path.is_file()
            else [path.with_name(path.name + one) for one in SUFFIXES]
        )
        found = [candidate for candidate in candidates if candidate.is_file()]
        if not found:
            raise InputError("file is missing", file=path, expected=" or ".join(one.name for one in candidates))
        if len(found) > 1:
            raise InputError("name is ambiguous: add the suffix", file=path, found=", ".join(one.name for one in found))
        return found[0]


def _patients(table: pd.DataFrame) -> pd.Series[str]:
    alone = "record:" + table["record"]
    return table["patient_id"].where(table["patient_id"] != "", alone) if "patient_id" in table.columns else alone
