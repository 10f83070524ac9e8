"""NumPy files, ``.npy`` and ``.npz``; objects, which NumPy stores as pickles, are never loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.named_arrays import SMALL, waveform_of
from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, check_values, leads_first
from ssrl_ecg.errors import InputError

MAX_MEMBERS = 1000


def is_npy(path: Path, head: bytes) -> bool:
    """Whether a file begins as ``.npy`` does."""
    return head.startswith(b"\x93NUMPY")


def is_npz(path: Path, head: bytes) -> bool:
    """Whether a file is a ZIP whose first member is an array."""
    name_length = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and head[30 : 30 + name_length].endswith(b".npy")


def read_npy(path: Path, given: Given) -> Waveform:
    """Read an array, (lead, time) or (time, lead); only the samples wanted are loaded."""
    try:
        stored: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever NumPy's header parser stumbles over
        raise InputError(f"array cannot be read: {error}") from error
    wanted = leads_first(stored, len(given.leads))[:, : given.n_samples(given.sampling_rate_hz)]
    return Waveform(np.array(wanted, np.float32))


def read_npz(path: Path, given: Given) -> Waveform:
    """Read the one array that fits the leads; others may say rate, unit and leads, see ``named_arrays``."""
    check_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()[:MAX_MEMBERS]}
            headers = {name: _header(archive, info) for name, info in members.items()}
            numbers = {name: shape for name, (shape, dtype) in headers.items() if dtype.kind in "fiu"}
            facts = {
                name: _load(archive, members[name])
                for name, (shape, dtype) in headers.items()
                if dtype.kind in "fiuSU" and np.prod(shape) <= SMALL
            }
            return waveform_of(numbers, facts, lambda name: _load(archive, members[name]), given)
    except InputError:
        raise
    except Exception as error:  # damaged archives raise errors of many kinds
        raise InputError(f"arrays cannot be read: {error}") from error


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of a member after comparing them with the size the archive tells."""
    with archive.open(info) as file:
        version = cast(Any, np.lib.format).read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = cast(Any, reader)(file)
        n_values = int(np.prod(shape, dtype=object)) if shape else 1
        check_values(n_values)
        if n_values * dtype.itemsize != info.file_size - file.tell() and dtype.kind != "O":
            raise InputError("array is cut short", field=info.filename, expected=f"{n_values} values")
    return shape, dtype


def _load(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as file:
        return cast(NDArray[Any], cast(Any, np.lib.format).read_array(file, allow_pickle=False))
