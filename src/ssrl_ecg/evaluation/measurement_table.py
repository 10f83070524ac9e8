"""The measurements of many recordings as a table, made by several processes."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.data.source import Record, SignalFile
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import lead_order
from ssrl_ecg.signals.measurement_names import MEASUREMENTS
from ssrl_ecg.signals.measurements import measure

_CHUNK = 64


class Recordings(Protocol):
    """What is measured besides stores: a table of records and a way to read each, as every ``Source`` has them."""

    def records(self) -> pd.DataFrame:
        """Return one row per record, with ``record_id`` and ``path``."""

    def read(self, record: Record) -> SignalFile:
        """Return one record's signal, or raise ``InputError``."""


@dataclass(frozen=True)
class MeasurementTable:
    """Measurements of many recordings.

    Attributes:
        values: (record, measurement) float64, NaN where missing; the index is ``record_id``, the columns are
            ``MEASUREMENTS``, and the rows are in the order asked for, without rejected records.
        flags: per record of ``values`` its quality flags, joined by blanks.
        missing: one row per missing value: ``record_id``, ``measurement``, ``reason``.
        rejected: one row per record that could not be read: ``record_id``, ``path``, ``reason``.
    """

    values: pd.DataFrame
    flags: pd.Series[str]
    missing: pd.DataFrame
    rejected: pd.DataFrame


class _Row(NamedTuple):
    """One record's outcome; ``rejection`` is empty for measured records."""

    record_id: str
    path: str
    values: NDArray[np.float64]
    flags: str
    reasons: dict[str, str]
    rejection: str


def measure_records(
    recordings: RecordStore | Recordings, rows: ArrayLike | None = None, *, n_jobs: int = 2
) -> MeasurementTable:
    """Measure recordings.

    The result does not depend on the number of processes. A record that cannot be read is listed with the reason and
    the rest goes on.

    Args:
        recordings: a store (its signals at its rate), or a source (its files).
        rows: (n,) row numbers of its table, in the order wanted; None takes all.
        n_jobs: processes; 1 measures in this one.

    Raises:
        InputError: the source's table cannot be read.
    """
    table = recordings.records if isinstance(recordings, RecordStore) else recordings.records()
    wanted = np.arange(len(table)) if rows is None else np.atleast_1d(np.asarray(rows))
    chunks = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    names = table[["record_id", "path"]]
    jobs = (
        delayed(_measure_stored)(recordings, names.iloc[chunk], chunk)
        if isinstance(recordings, RecordStore)
        else delayed(_measure_files)(recordings, table.iloc[chunk], Path.cwd())
        for chunk in chunks
    )
    parts = Parallel(n_jobs=n_jobs if len(chunks) > 1 else 1)(jobs)
    return _assembled([row for part in parts for row in part])


def _measure_stored(store: RecordStore, names: pd.DataFrame, rows: NDArray[Any]) -> list[_Row]:
    signals_mv = store.read_mv(rows)
    rate_hz = store.facts.sampling_rate_hz
    return [
        _measured(str(record_id), str(path), signal_mv, rate_hz)
        for (record_id, path), signal_mv in zip(names.itertuples(index=False), signals_mv, strict=True)
    ]


def _measure_files(source: Recordings, table: pd.DataFrame, folder: Path) -> list[_Row]:
    """Measure the files of some rows; paths are relative to ``folder``, for processes are kept from call to call."""
    measured = []
    for row in table.itertuples(index=False):
        record = cast(Record, row)
        try:
            with chdir(folder):
                recording = source.read(record)
            signal_mv = recording.signal_mv[list(lead_order(recording.leads))]
            measured.append(_measured(record.record_id, record.path, signal_mv, recording.sampling_rate_hz))
        except InputError as error:
            reason = str(InputError(error.what, field=error.field, expected=error.expected, found=error.found))
            measured.append(_Row(record.record_id, record.path, np.empty(0), "", {}, reason))
    return measured


def _measured(record_id: str, path: str, signal_mv: NDArray[np.floating], rate_hz: float) -> _Row:
    measured = measure(signal_mv, rate_hz)
    values = np.array(list(measured.values.values()))
    return _Row(record_id, path, values, " ".join(measured.flags), measured.reasons, "")


def _assembled(rows: list[_Row]) -> MeasurementTable:
    kept = [row for row in rows if not row.rejection]
    index = pd.Index([row.record_id for row in kept], name="record_id", dtype=object)
    values = np.array([row.values for row in kept]).reshape(len(kept), len(MEASUREMENTS))
    missing = [(row.record_id, name, reason) for row in kept for name, reason in row.reasons.items()]
    rejected = [(row.record_id, row.path, row.rejection) for row in rows if row.rejection]
    return MeasurementTable(
        values=pd.DataFrame(values, index, list(MEASUREMENTS)),
        flags=pd.Series([row.flags for row in kept], index, dtype=object, name="flags"),
        missing=pd.DataFrame(missing, columns=["record_id", "measurement", "reason"]),
        rejected=pd.DataFrame(rejected, columns=["record_id", "path", "reason"]),
    )
