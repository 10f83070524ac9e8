"""Recordings of any format as WFDB: a folder of records, and a manifest that says of every file what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ssrl_ecg.data.atomic_folder import replacing_folder
from ssrl_ecg.data.readers import format_of
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

MANIFEST = "manifest.csv"
COLUMNS = ("file", "record", "format", "sampling_rate_hz", "n_samples", "warnings", "rejected")

_UNITS_PER_MV = 1000
_INVALID = -32768
_LARGEST = 32767
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def convert_files(paths: Sequence[Path], reader: FileReader, folder: Path, *, progress: bool = False) -> pd.DataFrame:
    """Write recordings as WFDB records of twelve leads in steps of 1 uV, each at its own rate.

    A record is called as its file is, without suffix; where that name is taken, with it, or numbered. The folder
    appears complete or not at all.

    Args:
        paths: the files.
        reader: how they are read.
        folder: a folder that is new or empty.
        progress: whether to show a bar.

    Returns:
        A row per file, as in the folder's ``manifest.csv``, with ``COLUMNS``; ``rejected`` is the reason why there is
        no record, empty where there is one.

    Raises:
        InputError: the folder holds files, or no file can be converted.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("folder to write to is not empty", file=folder)
    named = list(zip(paths, record_names(paths), strict=True))
    with replacing_folder(folder) as building:
        bar = tqdm(named, desc="converting", leave=False, disable=None if progress else True)
        rows = [_convert(path, name, reader, building) for path, name in bar]
        manifest = pd.DataFrame(rows, columns=list(COLUMNS))
        if manifest["rejected"].ne("").all():
            raise InputError(f"none of the {len(rows)} files can be converted", found=rows[0][-1])
        manifest.to_csv(building / MANIFEST, index=False)
    return manifest


def record_names(paths: Sequence[Path]) -> list[str]:
    """Return a different name for each file, of letters, digits, ``_`` and ``-``, as WFDB wants them."""
    names: list[str] = []
    taken: set[str] = set()
    for path in paths:
        stem, whole = (_NOT_IN_NAMES.sub("_", name) for name in (path.stem, path.name))
        name = next(one for one in chain((stem, whole), _numbered(stem)) if one.lower() not in taken)
        taken.add(name.lower())  # there are file systems to which case is nothing
        names.append(name)
    return names


def _numbered(stem: str) -> Iterator[str]:
    return (f"{stem}-{number}" for number in count(2))


def write_wfdb(recording: SignalFile, name: str, folder: Path) -> None:
    """Write a recording of twelve canonical leads as a WFDB record in format 16, in steps of 1 uV.

    Raises:
        InputError: an amplitude is beyond 32.767 mV, which format 16 does not hold in such steps.
    """
    import wfdb  # 0.5 s to import

    units = np.rint(recording.signal_mv.T.astype(np.float64) * _UNITS_PER_MV)
    is_valid = np.isfinite(units)
    largest = float(np.abs(units[is_valid]).max(initial=0))
    if largest > _LARGEST:
        expected, found = f"at most {_LARGEST / _UNITS_PER_MV} mV", f"{largest / _UNITS_PER_MV:g} mV"
        raise InputError("amplitude does not fit into WFDB's format 16", expected=expected, found=found)
    wfdb.wrsamp(
        name,
        fs=recording.sampling_rate_hz,
        units=["mV"] * len(LEADS),
        sig_name=list(recording.leads),
        d_signal=np.where(is_valid, units, _INVALID).astype(np.int64),
        fmt=["16"] * len(LEADS),
        adc_gain=[float(_UNITS_PER_MV)] * len(LEADS),
        baseline=[0] * len(LEADS),
        write_dir=str(folder),
    )


def _convert(path: Path, name: str, reader: FileReader, folder: Path) -> tuple[object, ...]:
    try:
        kind = format_of(path)
        recording = reader.read(path)
        write_wfdb(recording, name, folder)
    except InputError as error:
        return path.as_posix(), "", "", "", "", "", str(error).removeprefix(f"{path}: ")
    rate_hz, n_samples = recording.sampling_rate_hz, recording.signal_mv.shape[1]
    return path.as_posix(), name, kind, rate_hz, n_samples, "; ".join(recording.warnings), ""
