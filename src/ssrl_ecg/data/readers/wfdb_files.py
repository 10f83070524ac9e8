"""WFDB records, named by their header or their signal file, through ``data/wfdb_reader.py``."""

from __future__ import annotations

from pathlib import Path

from ssrl_ecg.data.readers.waveform import Given, Waveform
from ssrl_ecg.data.wfdb_reader import read_wfdb

_SIGNAL_SUFFIXES = (".dat", ".mat")


def is_wfdb(path: Path, head: bytes) -> bool:
    """Whether a file is a WFDB header, or a signal file with one beside it.

    WFDB finds files by name, and its signal files have no signature: here alone the suffix decides.
    """
    return path.suffix == ".hea" or (path.suffix in _SIGNAL_SUFFIXES and path.with_suffix(".hea").is_file())


def read_wfdb_file(path: Path, given: Given) -> Waveform:
    """Read a record.

    Raises:
        InputError: see ``read_wfdb``.
    """
    recording = read_wfdb(path.with_suffix(".hea"))
    return Waveform(recording.signal_mv, recording.sampling_rate_hz, recording.leads, "mV")
