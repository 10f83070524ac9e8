"""LUDB 1.0.1 (Kalyakulina et al., IEEE Access 2020; 8:186181-186190): 200 records, every wave marked in every lead.

The marks of a lead are brackets around a peak, ``( p )``, ``( N )`` and ``( t )``, for P, QRS and T. Not all are well
formed, and what is made of the others is a decision:

- a bracket that is absent is a missing mark, NaN. Where it is the first one (103 QRS complexes), their neighbours
  suggest that onset and peak fell on one sample and the file kept one of the two;
- a peak just outside its brackets (a sample or two before ``(``, or after ``)`` at the end) belongs to them;
- brackets without a peak between two T waves (record 8, V5) are a QRS complex without a peak;
- one wave marked several times over (record 116: a T wave six times in V1, four times in V2) is one wave, each of its
  marks the median.

Anything else is refused. So the files' 58,423 peaks become 58,416 waves. The database's own count is 58,429.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.source import Layout, Record, SignalFile, Source, fingerprint_files
from ssrl_ecg.data.wfdb_reader import WFDBAnnotations, read_wfdb, read_wfdb_annotations
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, canonical_lead_name, lead_order
from ssrl_ecg.signals.waves import WAVES

TABLE, FOLDER = "ludb.csv", "data"
SAMPLING_RATE_HZ, DURATION_S = 500.0, 10.0

_REQUIRED = ("ID", "Sex", "Age", "Rhythms")
_WAVE_OF_SYMBOL = dict(zip("pNt", WAVES, strict=True))
_MARKS = ("(", "pNt", ")")
_MARKED_WAVE = re.compile(
    r"\(+(?:p+|N+|t+)\)+"  # whole, or one wave several times over
    r"|[pNt]\(?\)"  # onset missing, or after the peak
    r"|(?<=t\))\(\)(?=\(t)"  # QRS peak missing
    r"|\(\)[pNt](?!\(?\))"  # peak after the offset
    r"|\([pNt](?!\))"  # offset missing
)


@dataclass(frozen=True)
class LeadAnnotation:
    """What the cardiologists marked in one lead.

    Attributes:
        waves_s: by name (``p``, ``qrs``, ``t``), (wave, 3) onset, peak and offset in s from the record's start; NaN
            where a mark is missing.
        span_s: first and last mark in s. Beats before and after it are there in the signal, but were not annotated.
    """

    waves_s: dict[str, NDArray[np.float64]]
    span_s: tuple[float, float]


class LUDB(Source):
    """LUDB in its published layout: 10 s at 500 Hz, 12 leads.

    Label set ``rhythm``: the statements of the column ``Rhythms``, multilabel, sorted by name, at the table's whole.

    Args:
        root: the folder with ``ludb.csv`` and ``data``.
        sampling_rate_hz: rate of the stored records; ``read`` and ``annotation`` are at the files' 500 Hz.

    Raises:
        InputError: the folder is missing.
    """

    name: ClassVar[str] = "ludb"

    def __init__(self, root: str | Path, sampling_rate_hz: float = SAMPLING_RATE_HZ) -> None:
        self.root = Path(root)
        self.expected = Layout(float(sampling_rate_hz), round(DURATION_S * sampling_rate_hz), resample=True)
        if not (self.root / FOLDER).is_dir():
            raise InputError(f"folder of LUDB is missing or has no folder {FOLDER}", file=self.root)

    def records(self) -> pd.DataFrame:
        """Return the table: the seam's four columns, then LUDB's own as text, blanks around cells removed.

        Each record is its own subject; there are no published folds (-1). Several statements in a cell are separated
        by line ends, none is an empty text.

        Raises:
            InputError: the table is missing, unreadable, lacks a column or lists a record twice.
        """
        path = self.root / TABLE
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except FileNotFoundError:
            raise InputError("table of LUDB is missing", file=path) from None
        except (OSError, ValueError) as error:  # the parser's own errors are ValueErrors
            raise InputError(f"table cannot be read: {error}", file=path) from error
        missing = [column for column in _REQUIRED if column not in table.columns]
        if missing:
            raise InputError("table lacks a column", file=path, field=", ".join(missing))
        own = table.apply(lambda column: column.str.strip())
        if own["ID"].duplicated().any():
            found = own["ID"][own["ID"].duplicated()].iloc[0]
            raise InputError("record is listed twice", file=path, field="ID", found=found)
        seam = {"record_id": own["ID"], "patient_id": own["ID"], "fold": -1, "path": f"{FOLDER}/" + own["ID"]}
        return pd.DataFrame(seam).join(own.drop(columns="ID"))

    def read(self, record: Record) -> SignalFile:
        """Return one record's twelve leads in canonical order, at 500 Hz.

        Raises:
            InputError: the file is absent or damaged (see ``read_wfdb``), or lacks a lead.
        """
        recording = read_wfdb(self._path(record))
        signal_mv = recording.signal_mv[list(lead_order(recording.leads))]
        return SignalFile(signal_mv, recording.sampling_rate_hz, LEADS)

    def annotation(self, record: Record, lead: str) -> LeadAnnotation:
        """Return the marks of one lead.

        Args:
            record: a row of ``records()``.
            lead: its name, in any spelling.

        Raises:
            InputError: the lead's file is missing, unreadable or empty, or a mark in it lies beyond the record's end
                or fits to no wave (see the module).
        """
        extension = canonical_lead_name(lead).lower()
        path = self._path(record)
        marks = read_wfdb_annotations(path, extension, round(DURATION_S * SAMPLING_RATE_HZ))
        try:
            return _lead_annotation(marks)
        except InputError as error:
            raise InputError(error.what, file=f"{path}.{extension}", field=error.field, found=error.found) from None

    def label_sets(self, records: pd.DataFrame) -> dict[str, Labels]:
        """Return the label set ``rhythm`` of these rows."""
        classes = sorted({name for cell in self.records()["Rhythms"] for name in _statements(cell)})
        cells = [_statements(cell) for cell in records["Rhythms"]]
        values = np.array([[name in cell for name in classes] for cell in cells], dtype=np.uint8)
        known = np.array([bool(cell) for cell in cells], dtype=np.bool_)
        return {"rhythm": Labels("rhythm", tuple(classes), values.reshape(-1, len(classes)), known, "multilabel")}

    def fingerprint(self) -> str:
        """Return a hash of the table and of the name, size and time of every signal and annotation file."""
        if not (self.root / TABLE).is_file():
            raise InputError("table of LUDB is missing", file=self.root / TABLE)
        names = [f"{FOLDER}/{name}" for name in os.listdir(self.root / FOLDER)]
        return fingerprint_files(self.root, [self.root / TABLE], names)

    def _path(self, record: Record) -> str:
        if ".." in record.path.split("/") or record.path.startswith(("/", "\\")):
            raise InputError("not a path inside the data folder", field="path", found=record.path)
        return f"{self.root}/{record.path}"


def _statements(cell: str) -> list[str]:
    return [line.strip() for line in cell.splitlines() if line.strip()]


def _lead_annotation(marks: WFDBAnnotations) -> LeadAnnotation:
    if len(marks.samples) == 0:
        raise InputError("lead has no annotation")
    rows: dict[str, list[list[float]]] = {wave: [] for wave in WAVES}
    text, position = "".join(marks.symbols), 0
    while position < len(text):
        match = _MARKED_WAVE.match(text, position)
        if match is None:
            found = f"{text[position : position + 5]} at {marks.samples[position] / SAMPLING_RATE_HZ:.3f} s"
            raise InputError("mark fits to no wave", field="symbols", found=found)
        wave, times_s = _wave(match[0], marks.samples[position : match.end()])
        rows[wave].append(times_s)
        position = match.end()
    waves_s = {wave: np.array(times_s, dtype=np.float64).reshape(-1, 3) for wave, times_s in rows.items()}
    first, last = marks.samples[[0, -1]] / SAMPLING_RATE_HZ
    return LeadAnnotation(waves_s, (float(first), float(last)))


def _wave(symbols: str, samples: NDArray[np.int64]) -> tuple[str, list[float]]:
    """Return the wave that these marks make, and its onset, peak and offset in s."""
    kinds = {symbol for symbol in symbols if symbol in _WAVE_OF_SYMBOL}
    of_marks = [[sample for symbol, sample in zip(symbols, samples, strict=True) if symbol in mark] for mark in _MARKS]
    if len({len(times) for times in of_marks if times}) > 1:
        raise InputError("wave is marked several times, its marks not equally often", field="symbols", found=symbols)
    times_s = [float(np.median(times)) / SAMPLING_RATE_HZ if times else float("nan") for times in of_marks]
    return _WAVE_OF_SYMBOL[kinds.pop() if kinds else "N"], times_s
