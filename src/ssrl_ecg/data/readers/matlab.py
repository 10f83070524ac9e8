"""MATLAB files up to version 7, through SciPy; version 7.3 is HDF5 and read as such."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.named_arrays import SMALL, waveform_of
from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, check_values
from ssrl_ecg.errors import InputError

_NUMBERS = {"double", "single", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
_VERSION_4_KINDS = {precision * 10 + kind for precision in range(6) for kind in range(2)}
_LONGEST_NAME = 64


def is_matlab(path: Path, head: bytes) -> bool:
    """Whether a file begins as MATLAB's versions 5 to 7 or, little-endian, 4; the latter has no signature."""
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return True
    if len(head) < 20:
        return False
    kind, rows, columns, is_complex, name_length = struct.unpack("<5i", head[:20])
    is_sane = min(rows, columns) > 0 and is_complex in (0, 1) and 1 < name_length <= _LONGEST_NAME
    return kind in _VERSION_4_KINDS and is_sane


def read_matlab(path: Path, given: Given) -> Waveform:
    """Read the one matrix that fits the leads, see ``named_arrays``.

    Raises:
        InputError: the file is damaged, or no matrix, or several, fit.
    """
    check_size(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(path, given)
    except InputError:
        raise
    except Exception as error:  # whatever its parser stumbles over in a damaged file
        raise InputError(f"MATLAB file cannot be read: {type(error).__name__}: {error}") from error


def _read(path: Path, given: Given) -> Waveform:
    from scipy.io import whosmat

    variables = {name: (tuple(map(int, shape)), kind) for name, shape, kind in whosmat(path)}
    for shape, _ in variables.values():
        check_values(int(np.prod(shape, dtype=object)))
    small = [name for name, (shape, kind) in variables.items() if np.prod(shape) <= SMALL and kind != "function"]
    shapes = {name: shape for name, (shape, kind) in variables.items() if kind in _NUMBERS}
    facts = {name: _load(path, name) for name in small}
    return waveform_of(shapes, facts, lambda name: _load(path, name), given)


def _load(path: Path, name: str) -> NDArray[Any]:
    from scipy.io import loadmat

    return np.asarray(loadmat(path, variable_names=[name])[name])
