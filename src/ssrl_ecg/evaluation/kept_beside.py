"""What is found in a store's signals once, and kept in a file beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.files import atomic_path

_SIGNALS = Path(__file__).parents[1] / "signals"


@cache
def signals_version() -> str:
    """Short hash of the source that finds: all of ``signals``, so that nobody has to remember a number."""
    sources = sorted(_SIGNALS.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def kept_beside(
    store: RecordStore, name: str, find: Callable[[], Mapping[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """Return arrays from a file in the store's folder if they are there, else find them and write the file.

    The file says which source the store was made from and which version of ``signals`` found them (``made_from``); made
    otherwise, it is replaced. In a store that cannot be written to they are found each time.

    Args:
        store: whose signals.
        name: of the file, NAME.npz.
        find: finds the arrays in the signals; none may be of objects.
    """
    path = store.path / f"{name}.npz"
    made_from = f"{store.facts.fingerprint} {signals_version()}"
    if path.is_file():
        with np.load(path, allow_pickle=False) as saved:
            if str(saved["made_from"]) == made_from:
                return {key: saved[key] for key in saved.files if key != "made_from"}
    found: dict[str, Any] = dict(find())
    with suppress(OSError), atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, made_from=np.array(made_from), **found)
    return found
