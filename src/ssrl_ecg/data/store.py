"""The on-disk form everything trains from: int16 microvolts (record, lead, time), memory-mapped, beside a table.

A store is a folder::

    signals.npy     (record, lead, time) int16 in uV, leads in canonical order
    records.csv     the source's table of the records that were kept, plus `flat_leads` and `clipped_samples`
    labels/         one NAME.npz per label set: `values` and `known`
    facts.json      rate, leads, counts, where it came from
    rejected.csv    record_id, path and reason of every record that could not be used
    masks.npy, parameters.csv    of simulated records: what the simulator knows (``simulation_truth``)

It is written under a temporary name beside its place and moved there when complete.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ssrl_ecg.data.atomic_folder import replacing_folder
from ssrl_ecg.data.labels import Labels, Task
from ssrl_ecg.data.source import Layout, Record, SignalFile, Source, fingerprint_content
from ssrl_ecg.data.store_facts import FORMAT_VERSION, Facts
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, lead_order
from ssrl_ecg.signals.resample import resample

CLIP_UV = 32767

_UV_PER_MV = np.float32(1000)
_REJECTED = "rejected.csv"
_OF_THE_FILES = ("format_version", "root_name", "source_fingerprint", "fingerprint", "n_rejected")
_TEXT_COLUMNS = ("record_id", "patient_id", "path")


@dataclass(frozen=True, eq=False)
class RecordStore:
    """A built store, its signals memory-mapped.

    Attributes:
        path: its folder.
        facts: what ``facts.json`` says.
        records: one row per record, in the order of the signals; ``record_id``, ``patient_id`` and ``path`` are text,
            ``fold`` is an int (-1: none), ``flat_leads`` and ``clipped_samples`` count, the other columns are the
            source's.
        signals_uv: (record, lead, time) int16 memory map in microvolts.
    """

    path: Path
    facts: Facts
    records: pd.DataFrame
    signals_uv: NDArray[np.int16]

    @classmethod
    def open(cls, path: str | Path) -> RecordStore:
        """Open a store.

        Raises:
            InputError: the folder is missing, damaged, or written by another version.
        """
        folder = Path(path)
        facts = Facts.read(folder)
        try:
            signals_uv = np.load(folder / "signals.npy", mmap_mode="r", allow_pickle=False)
            records = pd.read_csv(
                folder / "records.csv", converters=dict.fromkeys(_TEXT_COLUMNS, str), low_memory=False
            )
        except (EOFError, OSError, ValueError) as error:
            raise InputError(f"store is damaged; build it again ({error})", file=folder) from error
        shape = (facts.n_records, len(facts.leads), facts.n_samples)
        is_whole = signals_uv.shape == shape and len(records) == facts.n_records and {*_TEXT_COLUMNS} <= {*records}
        if not is_whole or signals_uv.dtype != np.int16:
            raise InputError("store is damaged; build it again", file=folder, expected=shape, found=signals_uv.shape)
        return cls(folder, facts, records, signals_uv)

    def __reduce__(self) -> tuple[Callable[[Path], RecordStore], tuple[Path]]:
        """Pickle the path alone: a worker process maps the file again instead of receiving a copy of it."""
        return RecordStore.open, (self.path,)

    def __len__(self) -> int:
        return self.facts.n_records

    def read_mv(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Read records.

        Args:
            rows: (n,) row numbers, in any order, repeats allowed.

        Returns:
            (n, lead, time) float32 in mV, in the order of ``rows``.

        Raises:
            IndexError: a row is not a whole number, negative, or beyond the last record.
        """
        wanted = self.checked_rows(rows)
        signal_mv = np.empty((len(wanted), *self.signals_uv.shape[1:]), dtype=np.float32)
        plain = self.signals_uv.view(np.ndarray)  # indexing a memmap object costs microseconds more
        for position in np.argsort(wanted):  # in file order: the disk and the page cache like it
            np.divide(plain[wanted[position]], _UV_PER_MV, out=signal_mv[position])
        return signal_mv

    def checked_rows(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Return rows as an array.

        Raises:
            IndexError: a row is not a whole number, negative, or beyond the last record.
        """
        wanted = np.atleast_1d(np.asarray(rows))
        if wanted.size and (wanted.dtype.kind not in "iu" or wanted.min() < 0 or wanted.max() >= len(self)):
            span = f"{wanted.dtype} {wanted.min()} to {wanted.max()}"
            raise IndexError(f"rows must be whole numbers from 0 to {len(self) - 1}, not {span}")
        return wanted.astype(np.int64)

    def by_source(self, rows: ArrayLike) -> list[tuple[RecordStore, NDArray[np.int64]]]:
        """Return the stores that rows come from, each with its own rows: a plain store is the only one."""
        return [(self, self.checked_rows(rows))]

    @property
    def label_set_names(self) -> tuple[str, ...]:
        """Names of the label sets, sorted."""
        return tuple(sorted(self.facts.label_sets))

    def labels(self, name: str) -> Labels:
        """Return a label set, one row per record of the store.

        Raises:
            InputError: the store has no label set of this name, or its file is damaged.
        """
        if name not in self.facts.label_sets:
            known = ", ".join(self.label_set_names) or "none"
            raise InputError("unknown label set", file=self.path, expected=known, found=name)
        path = self.path / "labels" / f"{name}.npz"
        try:
            classes, task = self.facts.label_sets[name]["classes"], cast(Task, self.facts.label_sets[name]["task"])
            with np.load(path, allow_pickle=False) as arrays:
                labels = Labels(name, tuple(classes), arrays["values"], arrays["known"], task)
        except (EOFError, OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError("store is damaged; build it again", file=path) from error
        if len(labels) != len(self):
            raise InputError("store is damaged; build it again", file=path, expected=len(self), found=len(labels))
        return labels


@dataclass(frozen=True)
class BuildResult:
    """What ``build_store`` did.

    Attributes:
        store: the store, open.
        n_rejected: records listed in ``rejected.csv``.
        rebuilt: False when the store was already there and its source had not changed.
    """

    store: RecordStore
    n_rejected: int
    rebuilt: bool


class _Quality(NamedTuple):
    flat_leads: int
    clipped_samples: int


def build_store(source: Source, path: str | Path, *, progress: bool = False) -> BuildResult:
    """Read every record of a source once into a store, unless an up-to-date one is already there.

    A record that cannot be read, or has another rate, length or set of leads, or holds a NaN or infinite sample, is
    listed in ``rejected.csv`` and left out. Values beyond +-``CLIP_UV`` are clipped and counted. A flat lead is
    counted and kept.

    The old store stays in place until the new one is complete; a build that fails, or is interrupted, leaves nothing
    behind. Builds that run at the same time do not disturb each other: the last to finish stays.

    Args:
        source: where the records come from.
        path: the store's folder; made if absent, replaced if it holds an outdated or damaged store.
        progress: whether to show a bar.

    Raises:
        InputError: the source's tables cannot be used, no record can be used, ``path`` holds something other than a
            store, or the disk is full.
    """
    folder = Path(path)
    fingerprint = source.fingerprint()
    existing = _up_to_date(source, folder, fingerprint)
    if existing is not None:
        return BuildResult(existing, existing.facts.n_rejected, rebuilt=False)
    _refuse_to_replace_strangers(folder)
    try:
        with replacing_folder(folder) as building:
            _write_store(source, building, fingerprint, progress)
    except OSError as error:
        raise InputError(f"store cannot be written: {error.strerror}", file=folder) from error
    store = RecordStore.open(folder)
    return BuildResult(store, store.facts.n_rejected, rebuilt=True)


def _up_to_date(source: Source, folder: Path, fingerprint: str) -> RecordStore | None:
    try:
        store = RecordStore.open(folder)
    except InputError:
        return None
    facts = store.facts
    wanted = (source.name, fingerprint, source.expected.sampling_rate_hz, source.expected.n_samples)
    found = (facts.source, facts.source_fingerprint, facts.sampling_rate_hz, facts.n_samples)
    return store if found == wanted else None


def _refuse_to_replace_strangers(folder: Path) -> None:
    """Replacing a folder deletes it: do that to stores only."""
    is_empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not is_empty and not (folder / "facts.json").is_file():
        raise InputError("this is not a store and will not be replaced by one", file=folder)


def _write_store(source: Source, folder: Path, fingerprint: str, progress: bool) -> None:
    table = source.records()
    kept, quality, rejected = _write_signals(source, table, folder / "signals.npy", progress)
    records = table.iloc[kept].reset_index(drop=True)
    records[list(_Quality._fields)] = np.array(quality, dtype=np.int64)
    records.to_csv(folder / "records.csv", index=False)
    with open(folder / _REJECTED, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("record_id", "path", "reason"), *rejected])
    truth = source.truth(records)
    if truth is not None:
        truth.write(folder)
    label_sets = source.label_sets(records)
    (folder / "labels").mkdir()
    for name, labels in label_sets.items():
        np.savez(folder / "labels" / f"{name}.npz", values=labels.values, known=labels.known)
    facts = _facts(source, fingerprint, records, label_sets, n_rejected=len(rejected))
    facts = replace(facts, fingerprint=_content_fingerprint(folder, facts))
    (folder / "facts.json").write_text(json.dumps(facts.to_dict(), indent=2) + "\n", encoding="utf-8")


def _content_fingerprint(folder: Path, facts: Facts) -> str:
    """Hash every file a store is read from, and what its facts say of their content."""
    told = {key: value for key, value in facts.to_dict().items() if key not in _OF_THE_FILES}
    written = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    content = fingerprint_content(folder, [name for name in written if name != _REJECTED])
    return hashlib.sha256((json.dumps(told, sort_keys=True) + content).encode()).hexdigest()


def _write_signals(
    source: Source, table: pd.DataFrame, path: Path, progress: bool
) -> tuple[list[int], list[_Quality], list[tuple[str, str, str]]]:
    """Write ``signals.npy`` and return the rows of ``table`` in it, their quality, and the rejected (id, path, reason).

    Written as a stream, not through a memory map: on a full disk a write raises, a map kills the process.
    """
    kept: list[int] = []
    quality: list[_Quality] = []
    rejected: list[tuple[str, str, str]] = []
    rows = tqdm(table.itertuples(index=False), total=len(table), desc="reading records", disable=not progress)
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(_npy_header(len(table), source.expected))
        for row, record in enumerate(cast("tqdm[Record]", rows)):
            try:
                signal_uv, record_quality = _to_microvolts(source.read(record), source.expected)
            except InputError as error:
                rejected.append((record.record_id, record.path, _reason(error)))
                continue
            file.write(signal_uv.data)
            kept.append(row)
            quality.append(record_quality)
        file.seek(0)
        file.write(_npy_header(len(kept), source.expected))
    if not kept:
        first = f"{rejected[0][0]}: {rejected[0][2]}" if rejected else "no records"
        raise InputError(f"none of the {len(table)} records can be used", file=source.root, found=first)
    return kept, quality, rejected


def _npy_header(n_records: int, layout: Layout) -> bytes:
    """Return the head of ``signals.npy``; NumPy pads it so that its length does not depend on ``n_records``."""
    buffer = io.BytesIO()
    shape = (n_records, len(LEADS), layout.n_samples)
    description = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, description)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _to_microvolts(recording: SignalFile, layout: Layout) -> tuple[NDArray[np.int16], _Quality]:
    """Return (lead, time) int16 in uV, leads in canonical order, or raise InputError: why the record is rejected."""
    signal_uv = _fitted_to(recording, layout) * _UV_PER_MV
    np.rint(signal_uv, out=signal_uv)
    low, high = signal_uv.min(axis=1).tolist(), signal_uv.max(axis=1).tolist()
    unusable = [
        lead for lead, a, b in zip(LEADS, low, high, strict=True) if not (math.isfinite(a) and math.isfinite(b))
    ]
    if unusable:  # a NaN anywhere in a lead makes both ends of its range NaN
        raise InputError("NaN or infinite samples", found=f"lead {', '.join(unusable)}")
    n_clipped = 0
    if max(high) > CLIP_UV or min(low) < -CLIP_UV:
        n_clipped = int(np.count_nonzero(np.abs(signal_uv) > CLIP_UV))
        signal_uv = signal_uv.clip(-CLIP_UV, CLIP_UV)
    n_flat = sum(a == b for a, b in zip(low, high, strict=True))
    return signal_uv.astype("<i2"), _Quality(n_flat, n_clipped)


def _fitted_to(recording: SignalFile, layout: Layout) -> NDArray[np.float32]:
    """Return the signal with leads in canonical order, at the store's rate and length."""
    signal_mv, rate_hz = recording.signal_mv, recording.sampling_rate_hz
    order = _canonical_order(recording.leads)
    if order != tuple(range(len(LEADS))):
        signal_mv = signal_mv[list(order)]
    if not math.isclose(rate_hz, layout.sampling_rate_hz, rel_tol=1e-6):
        if not layout.resample:
            raise InputError(
                "another sampling rate", expected=f"{layout.sampling_rate_hz:g} Hz", found=f"{rate_hz:g} Hz"
            )
        signal_mv = resample(signal_mv, rate_hz, layout.sampling_rate_hz)
    if signal_mv.shape[1] != layout.n_samples:
        raise InputError(
            "another length", expected=f"{layout.n_samples} samples", found=f"{signal_mv.shape[1]} samples"
        )
    return signal_mv


@lru_cache(maxsize=256)
def _canonical_order(leads: tuple[str, ...]) -> tuple[int, ...]:
    if len(leads) != len(LEADS):
        raise InputError("another number of leads", expected=len(LEADS), found=f"{len(leads)}: {', '.join(leads)}")
    return lead_order(leads)


def _reason(error: InputError) -> str:
    """The error's line without the file, whose path is in the column beside it."""
    return str(InputError(error.what, field=error.field, expected=error.expected, found=error.found))


def _facts(
    source: Source, fingerprint: str, records: pd.DataFrame, label_sets: dict[str, Labels], *, n_rejected: int
) -> Facts:
    return Facts(
        format_version=FORMAT_VERSION,
        source=source.name,
        root_name=source.root.resolve().name,
        source_fingerprint=fingerprint,
        fingerprint="",
        sampling_rate_hz=source.expected.sampling_rate_hz,
        leads=LEADS,
        n_records=len(records),
        n_samples=source.expected.n_samples,
        n_rejected=n_rejected,
        n_clipped_records=int((records["clipped_samples"] > 0).sum()),
        n_clipped_samples=int(records["clipped_samples"].sum()),
        n_flat_records=int((records["flat_leads"] > 0).sum()),
        label_sets={
            name: {
                "task": labels.task,
                "classes": list(labels.classes),
                "n_known": int(labels.known.sum()),
                "empty_classes": list(labels.empty_classes),
            }
            for name, labels in label_sets.items()
        },
    )
