"""Records whose waves are known, lead by lead: marked by cardiologists, or put there by a simulator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.ludb import DURATION_S, LUDB, SAMPLING_RATE_HZ, LeadAnnotation
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.source import Record, SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample
from ssrl_ecg.signals.waves import UNMARKED, marked_mask


@dataclass(frozen=True, eq=False)
class MarkedRecords:
    """Signals and the wave of every sample, in memory; what a segmenter learns from.

    Attributes:
        signal_mv: (record, lead, time) float32 in mV, not filtered.
        masks: (record, lead, time) uint8: 0 nothing, 1 P, 2 QRS, 3 T, ``UNMARKED`` where nobody annotated.
        sampling_rate_hz: of both.
    """

    signal_mv: NDArray[np.float32]
    masks: NDArray[np.uint8]
    sampling_rate_hz: float

    def __post_init__(self) -> None:
        """Refuse masks of other records."""
        if self.signal_mv.ndim != 3 or self.masks.shape != self.signal_mv.shape:
            raise InputError("masks are not of these records", field="masks", expected=self.signal_mv.shape,
                             found=self.masks.shape)  # fmt: skip

    def __len__(self) -> int:
        return len(self.signal_mv)

    def take(self, rows: NDArray[np.int64]) -> MarkedRecords:
        """Return some of the records."""
        return MarkedRecords(self.signal_mv[rows], self.masks[rows], self.sampling_rate_hz)

    def fingerprint(self) -> str:
        """SHA-256 of every signal and mask."""
        digest = hashlib.sha256(str((self.signal_mv.shape, self.sampling_rate_hz)).encode())
        for record_mv, mask in zip(self.signal_mv, self.masks, strict=True):
            digest.update(np.ascontiguousarray(record_mv).data)
            digest.update(np.ascontiguousarray(mask).data)
        return digest.hexdigest()


def simulated_records(n_records: int, seed: int, sampling_rate_hz: float) -> MarkedRecords:
    """Simulate records; all leads share their waves, whose boundaries are the simulator's.

    Raises:
        InputError: see ``simulator.simulate``.
    """
    ecg = simulate(n_records, generator=np.random.default_rng(seed), sampling_rate_hz=sampling_rate_hz)
    return MarkedRecords(ecg.signal_mv, np.broadcast_to(ecg.masks[:, None], ecg.signal_mv.shape), sampling_rate_hz)


@dataclass(frozen=True, eq=False)
class MarkedDatabase:
    """Signals and marks of a database at its own rate.

    Attributes:
        records: one row per record: ``record_id``, ``patient_id``.
        signal_mv: (record, 12, time) float32 in mV, canonical leads.
        sampling_rate_hz: of the signals.
        leads: per record, the annotation of each of ``LEADS``; None where a lead has none that can be used.
        problems: what could not be used: ``record_id``, ``lead`` (empty: the whole record, which is left out) and
            ``reason``.
    """

    records: pd.DataFrame
    signal_mv: NDArray[np.float32]
    sampling_rate_hz: float
    leads: Sequence[Sequence[LeadAnnotation | None]]
    problems: pd.DataFrame

    def masks(self, sampling_rate_hz: float) -> NDArray[np.uint8]:
        """Return (record, lead, time) masks at a rate; ``UNMARKED`` outside each lead's annotated span."""
        n_samples = round(self.signal_mv.shape[-1] * sampling_rate_hz / self.sampling_rate_hz)
        masks = np.full((*self.signal_mv.shape[:2], n_samples), UNMARKED, dtype=np.uint8)
        for record, of_leads in enumerate(self.leads):
            for lead, marks in enumerate(of_leads):
                if marks is not None:
                    masks[record, lead] = marked_mask(marks.waves_s, marks.span_s, n_samples, sampling_rate_hz)
        return masks

    def at(self, sampling_rate_hz: float) -> MarkedRecords:
        """Return what a segmenter of that rate learns from; marks are in seconds and stay."""
        signal_mv = resample(self.signal_mv, self.sampling_rate_hz, sampling_rate_hz).astype(np.float32)
        return MarkedRecords(signal_mv, self.masks(sampling_rate_hz), sampling_rate_hz)


def read_marked_database(source: LUDB, record_ids: Sequence[str] | None = None) -> MarkedDatabase:
    """Read signals and marks; a lead or record that cannot be used is listed with its reason, and the rest goes on.

    Args:
        source: the database.
        record_ids: which records; None for all.

    Raises:
        InputError: not a single lead has marks that can be used.
    """
    table = source.records()
    chosen = table if record_ids is None else table[table["record_id"].isin(record_ids)]
    kept: list[int] = []
    signals: list[NDArray[np.float32]] = []
    leads: list[list[LeadAnnotation | None]] = []
    problems: list[tuple[str, str, str]] = []
    for position, row in enumerate(chosen.itertuples(index=False)):
        record = cast(Record, row)
        annotations = [_annotation(source, record, lead, problems) for lead in LEADS]
        try:
            signal_mv = _whole_signal(source.read(record))
        except InputError as error:
            problems.append((record.record_id, "", str(error)))
            continue
        if any(annotation is not None for annotation in annotations):
            kept.append(position)
            signals.append(signal_mv)
            leads.append(annotations)
    if not kept:
        found = problems[0][2] if problems else "no records"
        raise InputError("no lead has marks that can be used", file=source.root, found=found)
    records = chosen.iloc[kept][["record_id", "patient_id"]].reset_index(drop=True)
    listed = pd.DataFrame(problems, columns=["record_id", "lead", "reason"])
    return MarkedDatabase(records, np.stack(signals), SAMPLING_RATE_HZ, leads, listed)


def _annotation(source: LUDB, record: Record, lead: str, problems: list[tuple[str, str, str]]) -> LeadAnnotation | None:
    """Marks of one lead; None, and a line in ``problems``, where they cannot be used."""
    try:
        return source.annotation(record, lead)
    except InputError as error:
        problems.append((record.record_id, lead, str(error)))
        return None


def _whole_signal(recording: SignalFile) -> NDArray[np.float32]:
    expected = f"{DURATION_S:g} s at {SAMPLING_RATE_HZ:g} Hz without gaps"
    n_samples = round(DURATION_S * SAMPLING_RATE_HZ)
    if recording.sampling_rate_hz != SAMPLING_RATE_HZ or recording.signal_mv.shape[1] != n_samples:
        found = f"{recording.signal_mv.shape[1]} samples at {recording.sampling_rate_hz:g} Hz"
        raise InputError("recording has another length", expected=expected, found=found)
    if not np.isfinite(recording.signal_mv).all():
        raise InputError("NaN or infinite samples", expected=expected)
    return recording.signal_mv
