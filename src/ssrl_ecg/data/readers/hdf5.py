"""HDF5, and with it MATLAB 7.3, through h5py; links to other files and what is stored outside are not followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.named_arrays import SMALL, waveform_of
from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, check_values, needed
from ssrl_ecg.errors import InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MATLAB_TEXT = "MATLAB_class"


def is_hdf5(path: Path, head: bytes) -> bool:
    """Whether HDF5's signature stands at the beginning or after a user block, as MATLAB's 512 bytes."""
    return any(head[start : start + 8] == _SIGNATURE for start in (0, 512, 1024, 2048))


def read_hdf5(path: Path, given: Given) -> Waveform:
    """Read the one dataset that fits the leads; others and attributes say the rest, see ``named_arrays``.

    Raises:
        InputError: the file is damaged, or no dataset, or several, fit; or h5py is not installed.
    """
    h5py = needed("h5py", "HDF5")
    check_size(path)
    try:
        with h5py.File(path, "r") as file:
            return _read(h5py, file, given)
    except InputError:
        raise
    except Exception as error:  # whatever the library stumbles over in a damaged file
        raise InputError(f"HDF5 cannot be read: {type(error).__name__}: {error}") from error


def _read(h5py: Any, file: Any, given: Given) -> Waveform:
    items: dict[str, Any] = {"": file}
    file.visititems(lambda name, item: items.update({name: item}))  # hard links only
    datasets = {name: item for name, item in items.items() if isinstance(item, h5py.Dataset)}
    for item in datasets.values():
        check_values(int(np.prod(item.shape or (0,), dtype=object)))
        if item.external or item.is_virtual:
            raise InputError("dataset lies in another file", field=item.name)
    facts = {key: value for item in items.values() for key, value in item.attrs.items()}
    facts.update(
        {name: _fact(item) for name, item in datasets.items() if item.shape is not None and item.size <= SMALL}
    )
    shapes = {name: tuple(item.shape) for name, item in datasets.items() if item.dtype.kind in "fiu"}
    return waveform_of(shapes, facts, lambda name: cast(NDArray[Any], datasets[name][()]), given)


def _fact(dataset: Any) -> Any:
    """Return a small dataset's value; MATLAB stores text as codes of characters."""
    value = dataset[()]
    if dataset.attrs.get(_MATLAB_TEXT) == b"char":
        return "".join(chr(code) for code in np.ravel(value, order="F"))
    return value
