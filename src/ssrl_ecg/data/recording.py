"""One recording from one file, whatever the format: to twelve canonical leads in mV, with what is odd about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.readers import Given, Waveform, read_waveform
from ssrl_ecg.data.readers.waveform import lead_name, mv_per_unit
from ssrl_ecg.data.source import Record, SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, select_leads
from ssrl_ecg.signals.quality import einthoven_warning

SUFFIXES = (".hea", ".npy", ".csv", ".edf", ".bdf", ".dcm", ".xml", ".scp", ".h5", ".hdf5", ".npz", ".tsv")
"""Suffixes tried where a file is named without one; which format a file has, its content says."""
UNITS = ("mV", "uV", "V")
PLAUSIBLE_MV = (0.02, 20.0)
"""Between these the largest deflection of a 12-lead ECG in mV surely lies; beyond them the unit is another one."""
PLAUSIBLE_RATE_HZ = (10.0, 100_000.0)


@dataclass(frozen=True)
class FileReader:
    """How recordings are read; what is said here counts where a file itself says nothing.

    In every format further channels are ignored, and III, aVR, aVL and aVF are derived from I and II where they were
    not recorded.

    Attributes:
        file_rate_hz: rate of files that do not tell theirs; without it they are refused.
        unit: ``mV``, ``uV`` or ``V``, of files that do not tell theirs. None takes them for mV and refuses a recording
            whose largest deflection from its lead's median is that of no ECG in mV.
        leads: names of leads that a file leaves unnamed, in its order.

    Raises:
        InputError: an argument makes no sense.
    """

    file_rate_hz: float | None = None
    unit: str | None = None
    leads: Sequence[str] = LEADS

    def __post_init__(self) -> None:
        if self.file_rate_hz is not None and not (math.isfinite(self.file_rate_hz) and self.file_rate_hz > 0):
            raise InputError("not a positive number", field="file_rate_hz", found=self.file_rate_hz)
        if self.unit is not None and self.unit not in UNITS:
            raise InputError("unknown unit", field="unit", expected=", ".join(UNITS), found=self.unit)
        select_leads(np.zeros((len(self.leads), 1)), self.leads, LEADS)  # refuses names, and too few of them

    def read(self, path: str | Path, duration_s: float | None = None) -> SignalFile:
        """Return a file's twelve leads in canonical order, at its own rate, with warnings of what is odd about them.

        Args:
            path: the file; a WFDB record by its header or its signal file.
            duration_s: leave out what comes after it; None reads all.

        Raises:
            InputError: the file is unreadable, too large, without rate, lacks a lead, or is implausible in mV.
        """
        path, given = Path(path), Given(self.file_rate_hz, self.unit, tuple(self.leads), duration_s)
        waveform = read_waveform(path, given)
        try:
            return _twelve_leads(waveform, given)
        except InputError as error:
            found, expected, field = error.found, error.expected, error.field
            raise InputError(error.what, file=path, field=field, expected=expected, found=found) from error


@dataclass(frozen=True)
class RecordingFiles:
    """Single files as a table of records, each read at its own rate and in full length.

    Attributes:
        paths: the files; a WFDB record may be named by its header, its signal file or without a suffix.
        reader: how they are read.
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
        path = named if named.is_file() or named.suffix else named.with_name(f"{named.name}.hea")
        if not path.is_file():
            raise InputError("file is missing", file=path)
        return self.reader.read(path)


def beginning_of(recording: SignalFile, longest_s: float) -> SignalFile:
    """Cut a recording that is too long, and say so in its warnings."""
    n_samples = round(longest_s * recording.sampling_rate_hz)
    if recording.signal_mv.shape[1] <= n_samples:
        return recording
    said = (*recording.warnings, f"longer than {longest_s:g} s: only its beginning is used")
    return replace(recording, signal_mv=recording.signal_mv[:, :n_samples], warnings=said)


def _twelve_leads(waveform: Waveform, given: Given) -> SignalFile:
    rate_hz = waveform.sampling_rate_hz or given.sampling_rate_hz
    if rate_hz is None:
        raise InputError("the file does not tell its sampling rate: give file_rate_hz")
    if not PLAUSIBLE_RATE_HZ[0] <= rate_hz <= PLAUSIBLE_RATE_HZ[1]:
        expected = f"{PLAUSIBLE_RATE_HZ[0]:g} to {PLAUSIBLE_RATE_HZ[1]:g} Hz"
        raise InputError("this is no ECG's sampling rate", expected=expected, found=f"{rate_hz:g} Hz")
    names = waveform.leads or given.leads
    known = [position for position, name in enumerate(names) if lead_name(name)]
    spelled = [lead_name(names[position]) or "" for position in known]
    stored = waveform.signal[known, : given.n_samples(rate_hz)]
    if stored.size == 0:
        raise InputError("no samples under a lead's name", found=", ".join(names)[:200])
    factor = mv_per_unit(waveform.unit or given.unit or "mV")
    signal_mv = select_leads(stored if factor == 1 else stored * np.float32(factor), spelled, LEADS)
    signal_mv[np.isinf(signal_mv)] = np.nan
    implausible = _implausible(signal_mv)
    if implausible and waveform.unit is None and given.unit is None:
        raise implausible
    warnings = [*waveform.notes, *_naming(waveform, spelled)]
    if broken_law := einthoven_warning(signal_mv):
        warnings.append(broken_law)
    if implausible:
        warnings.append(f"largest deflection {implausible.found} mV is that of no ECG: is the unit right?")
    return SignalFile(signal_mv, rate_hz, LEADS, tuple(warnings))


def _naming(waveform: Waveform, names: Sequence[str]) -> list[str]:
    """Say which leads were named by us or derived."""
    derived = [lead for lead in LEADS if lead not in names]
    said = [] if waveform.leads else [f"the file does not name its leads: taken for {', '.join(names)}"]
    return said + ([f"{', '.join(derived)} derived from I and II"] if derived else [])


def _implausible(signal_mv: NDArray[np.float32]) -> InputError | None:
    """Say what cannot be mV; a record without any deflection is flat, which is no question of units."""
    finite = np.where(np.isfinite(signal_mv), signal_mv, 0)
    largest = float(np.abs(finite - np.median(finite, axis=1, keepdims=True)).max())
    if largest == 0 or PLAUSIBLE_MV[0] <= largest <= PLAUSIBLE_MV[1]:
        return None
    likely = "uV" if largest > PLAUSIBLE_MV[1] else "V"
    return InputError(
        f'this is no ECG in mV: if the values are in {likely}, give unit="{likely}"',
        expected=f"largest deflection between {PLAUSIBLE_MV[0]:g} and {PLAUSIBLE_MV[1]:g} mV",
        found=f"{largest:.4g}",
    )
