"""One file per format an ECG comes in; which one a file is, its content says.

``READERS`` names the formats, in the order in which they are tried. Adding one is a file with two functions, one that
recognises the format by a file's first bytes and one that reads it, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ssrl_ecg.data.readers.aecg import is_aecg, read_aecg
from ssrl_ecg.data.readers.dicom import is_dicom, read_dicom
from ssrl_ecg.data.readers.edf import is_edf, read_edf
from ssrl_ecg.data.readers.hdf5 import is_hdf5, read_hdf5
from ssrl_ecg.data.readers.matlab import is_matlab, read_matlab
from ssrl_ecg.data.readers.muse import is_muse, read_muse
from ssrl_ecg.data.readers.numpy_files import is_npy, is_npz, read_npy, read_npz
from ssrl_ecg.data.readers.philips import is_philips, read_philips
from ssrl_ecg.data.readers.scp import is_scp, read_scp
from ssrl_ecg.data.readers.table import is_table, read_table
from ssrl_ecg.data.readers.waveform import Given, Waveform
from ssrl_ecg.data.readers.wfdb_files import is_wfdb, read_wfdb_file
from ssrl_ecg.errors import InputError


class Reader(NamedTuple):
    """How a format is recognised and read.

    Attributes:
        recognises: whether a file with this path and these first bytes is of the format.
        read: what the file holds; ``InputError`` without the file's name, which ``read_waveform`` adds.
    """

    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, Given], Waveform]


READERS: dict[str, Reader] = {
    "WFDB": Reader(is_wfdb, read_wfdb_file),
    "EDF or BDF": Reader(is_edf, read_edf),
    "DICOM": Reader(is_dicom, read_dicom),
    "HL7 aECG": Reader(is_aecg, read_aecg),
    "Philips XML": Reader(is_philips, read_philips),
    "GE MUSE XML": Reader(is_muse, read_muse),
    "SCP-ECG": Reader(is_scp, read_scp),
    "HDF5 or MATLAB 7.3": Reader(is_hdf5, read_hdf5),
    "MATLAB": Reader(is_matlab, read_matlab),
    "NPY": Reader(is_npy, read_npy),
    "NPZ": Reader(is_npz, read_npz),
    "CSV or TSV": Reader(is_table, read_table),
}

_HEAD_BYTES = 8192
_ARCHIVES = {
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"Rar!": "RAR",
}


def format_of(path: Path) -> str:
    """Return which of ``READERS`` a file is for.

    Raises:
        InputError: the file is missing, empty, an archive, or of no format that is known.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise InputError("file is missing", file=path) from None
    except OSError as error:
        raise InputError(f"file cannot be read: {error.strerror}", file=path) from error
    if not head:
        raise InputError("file is empty: nothing can be read", file=path)
    for name, reader in READERS.items():
        if reader.recognises(path, head):
            return name
    archive = next((name for magic, name in _ARCHIVES.items() if head.startswith(magic)), None)
    if archive or head[257:262] == b"ustar":
        raise InputError("archives are not opened: unpack it first", file=path, found=archive or "tar")
    raise InputError("format is not known: nothing can be read", file=path, expected=", ".join(READERS))


def read_waveform(path: Path, given: Given) -> Waveform:
    """Read a file of any format, as it says itself.

    Args:
        path: the file.
        given: what the user says of it.

    Raises:
        InputError: the file cannot be read, and why.
    """
    name = format_of(path)
    try:
        return READERS[name].read(path, given)
    except InputError as error:
        what = error.what if error.file or name in error.what else f"{name}: {error.what}"
        raise InputError(what, file=path, field=error.field, expected=error.expected, found=error.found) from error
    except (OSError, MemoryError) as error:
        raise InputError(f"{name} file cannot be read: {type(error).__name__}", file=path) from error


__all__ = ["READERS", "Given", "Reader", "Waveform", "format_of", "read_waveform"]
