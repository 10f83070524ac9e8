"""The beats of two-lead Holter recordings as a twelve-lead encoder can be given them.

Leads are put by their name into the place they have among the twelve; MLII, the modified lead II, stands for II. The
other places hold 0 mV, which is how a lost electrode looks to encoders that were trained with lead dropout. No lead is
copied to a place that is not its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.data.mitbih import AAMI_CLASSES, MITBIH
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.transfer.rr_facts import RR_FACTS, rr_facts
from ssrl_ecg.signals.conditioning import condition
from ssrl_ecg.signals.leads import canonical_lead_name
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.resample import resample

STANDS_FOR = {"MLII": "II"}
"""Modified lead -> the lead of the twelve it is close to and stands for."""


class Rejected(NamedTuple):
    """A record, or one of its leads, that is left out, and why."""

    record_id: str
    reason: str


@dataclass(frozen=True, eq=False)
class HolterRecord:
    """One record with its beats.

    Attributes:
        record_id: its name.
        leads: canonical names of its usable leads, of those the preprocessing asks for.
        signal_mv: float32 (lead, time) in mV at the preprocessing's rate, filtered by it.
        at: int64 (beat,) samples at which the beats were marked.
        classes: int8 (beat,) positions in ``AAMI_CLASSES``.
        rr: float32 (beat, fact) as ``rr_facts`` gives them.
        notes: what was left out of the record.
    """

    record_id: str
    leads: tuple[str, ...]
    signal_mv: NDArray[np.float32]
    at: NDArray[np.int64]
    classes: NDArray[np.int8]
    rr: NDArray[np.float32]
    notes: tuple[Rejected, ...] = ()

    def counts(self) -> NDArray[np.int64]:
        """Beats of each of ``AAMI_CLASSES``."""
        return np.bincount(self.classes, minlength=len(AAMI_CLASSES))


def read_holter_record(source: MITBIH, record_id: str, preprocessing: Preprocessing) -> HolterRecord:
    """Read a record's usable leads and its beats.

    Args:
        source: the database.
        record_id: the record.
        preprocessing: rate, leads and filter of what the beats are shown to.

    Raises:
        InputError: a file is missing or damaged, no lead can be used, a beat lies beyond the record's end, or there is
            no beat.
    """
    recording, beats = source.read(record_id), source.annotation(record_id).beats
    where = f"{source.root}/{record_id}"
    duration_s = recording.signal_mv.shape[1] / recording.sampling_rate_hz
    times_s = beats["time_s"].to_numpy(np.float64)
    if not len(times_s):
        raise InputError("no beat is marked", file=f"{where}.atr")
    if times_s[-1] >= duration_s:
        expected, found = f"before {duration_s:.2f} s", f"{times_s[-1]:.2f} s"
        raise InputError("beat beyond the record's end", file=f"{where}.atr", expected=expected, found=found)
    rows, leads, notes = _usable_leads(recording, record_id, preprocessing.leads)
    if not rows:
        raise InputError("no lead can be used", file=f"{where}.dat", found="; ".join(note.reason for note in notes))
    known_mv, rate_hz = _bridged(recording.signal_mv[rows]), preprocessing.sampling_rate_hz
    signal_mv = resample(known_mv, recording.sampling_rate_hz, rate_hz).astype(np.float32)
    return HolterRecord(
        record_id,
        leads,
        preprocessing.filter(torch.from_numpy(signal_mv)).numpy(),
        np.round(times_s * rate_hz).astype(np.int64),
        np.array([AAMI_CLASSES.index(name) for name in beats["aami"]], np.int8),
        rr_facts(times_s),
        notes,
    )


def _usable_leads(
    recording: SignalFile, record_id: str, wanted: Sequence[str]
) -> tuple[list[int], tuple[str, ...], tuple[Rejected, ...]]:
    """Rows and canonical names of the leads that have a place and hold a signal, and why the others have not."""
    conditioned = condition(recording.signal_mv, recording.sampling_rate_hz)
    rows, leads, notes = [], [], []
    for row, (name, reason) in enumerate(zip(recording.leads, conditioned.reasons, strict=True)):
        place = _place(name)
        if place not in wanted or place in leads:
            notes.append(Rejected(record_id, f"lead {name} has no place of its own"))
        elif reason:
            notes.append(Rejected(record_id, f"lead {name} {reason}"))
        else:
            rows.append(row)
            leads.append(str(place))
    return rows, tuple(leads), tuple(notes)


def _place(name: str) -> str | None:
    try:
        return canonical_lead_name(STANDS_FOR.get(name, name))
    except InputError:
        return None


def _bridged(signal_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bridge missing samples of usable leads by straight lines."""
    bridged = signal_mv.copy()
    for lead in bridged:
        known = np.flatnonzero(np.isfinite(lead))
        lead[:] = np.interp(np.arange(len(lead)), known, lead[known])
    return bridged


@dataclass(frozen=True, eq=False)
class HolterBeats:
    """The beats of several records, record after record.

    Attributes:
        records: the records, at least one.
        preprocessing: what their signals have been through, and what ``windows`` normalises by.
        record: int64 (beat,) position of each beat's record.
        at: int64 (beat,) its sample.
        classes: int8 (beat,) its class.
        rr: float32 (beat, fact).
    """

    records: tuple[HolterRecord, ...]
    preprocessing: Preprocessing
    record: NDArray[np.int64]
    at: NDArray[np.int64]
    classes: NDArray[np.int8]
    rr: NDArray[np.float32]

    @classmethod
    def of(cls, records: Sequence[HolterRecord], preprocessing: Preprocessing) -> HolterBeats:
        """Join the beats of some records."""
        empty = np.zeros((0, len(RR_FACTS)), np.float32)
        return cls(
            tuple(records),
            preprocessing,
            np.repeat(np.arange(len(records)), [len(one.at) for one in records]),
            np.concatenate([np.zeros(0, np.int64), *(one.at for one in records)]),
            np.concatenate([np.zeros(0, np.int8), *(one.classes for one in records)]),
            np.concatenate([empty, *(one.rr for one in records)]),
        )

    def __len__(self) -> int:
        return len(self.at)

    def windows_mv(self, rows: NDArray[np.int64], shifts: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Cut a window around each beat, which stands in its middle.

        Args:
            rows: (n,) beats, any order.
            shifts: (n,) samples by which each window comes later; None for none.

        Returns:
            float32 (n, lead, window_samples) in mV; 0 mV in the places of missing leads and beyond the record's ends.
        """
        n_leads, n_window = len(self.preprocessing.leads), self.preprocessing.window_samples
        windows = np.zeros((len(rows), n_leads, n_window), np.float32)
        middle = self.at[rows] if shifts is None else self.at[rows] + shifts
        for number in np.unique(self.record[rows]):
            own, record = np.flatnonzero(self.record[rows] == number), self.records[number]
            time = middle[own, None] + np.arange(n_window) - n_window // 2
            inside = (time >= 0) & (time < record.signal_mv.shape[1])
            cut = record.signal_mv[:, np.clip(time, 0, record.signal_mv.shape[1] - 1)] * inside
            places = [self.preprocessing.leads.index(lead) for lead in record.leads]
            windows[own[:, None], places] = cut.swapaxes(0, 1)
        return windows

    def two_leads(self, windows_mv: NDArray[np.float32], record: NDArray[np.int64]) -> NDArray[np.float32]:
        """Take out of windows (n, lead, time) the first two leads of each one's record: (n, 2, time).

        They come in the record's order, II first where it is there; 0 mV for the second of a record that has one.

        Args:
            windows_mv: as ``windows_mv`` or ``usual_mv`` returns them.
            record: (n,) whose they are.
        """
        pairs = np.zeros((len(windows_mv), 2, windows_mv.shape[-1]), np.float32)
        for number in np.unique(record):
            own = np.flatnonzero(record == number)
            places = [self.preprocessing.leads.index(lead) for lead in self.records[number].leads[:2]]
            pairs[own, : len(places)] = windows_mv[own[:, None], places]
        return pairs

    @cached_property
    def usual_mv(self) -> NDArray[np.float32]:
        """The usual beat of each record, (record, lead, window_samples) in mV: the median, sample by sample, of all."""
        usual = np.zeros(
            (len(self.records), len(self.preprocessing.leads), self.preprocessing.window_samples), np.float32
        )
        for number, record in enumerate(self.records):
            own = self.windows_mv(np.flatnonzero(self.record == number))
            for lead in record.leads:
                place = self.preprocessing.leads.index(lead)
                usual[number, place] = np.median(own[:, place], axis=0)
        return usual
