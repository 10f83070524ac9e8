"""Writing whole files or none: everything goes to a temporary name beside its target and is renamed at the end."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

_discards = ContextVar("discards", default=False)


@contextmanager
def discarding() -> Iterator[None]:
    """Let no file be written or removed here: for a process that computes along with another one, which does both."""
    before = _discards.set(True)
    try:
        yield
    finally:
        _discards.reset(before)


def is_discarding() -> bool:
    """Whether no file is to be written here, see ``discarding``."""
    return _discards.get()


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder and rename it to ``target`` if the block succeeds.

    The folder is made if it is missing. If the block raises, the temporary file is removed and an existing target is
    left as it was. A process killed inside the block leaves the temporary file behind, never a target cut short. While
    ``discarding``, the target is left as it was in any case.

    Raises:
        OSError: the file system refused; the target is as it was.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    temporary.touch(exist_ok=False)  # claims the name with the permissions that the user's umask gives new files
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        if not _discards.get():
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove(target: Path) -> None:
    """Remove a file if it is there, unless ``discarding``."""
    if not _discards.get():
        target.unlink(missing_ok=True)


def remove_unfinished(target: str | Path) -> None:
    """Remove what processes killed while writing ``target`` left behind; only while no other process is writing it."""
    target = Path(target)
    for leftover in target.parent.glob(f".{target.name}.*.part"):
        remove(leftover)


def jsonable(value: Any) -> Any:
    """Turn NumPy scalars and arrays, tuples, sets and paths into what JSON knows; NaN and infinities become null."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return jsonable(sorted(value))
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return jsonable(value.tolist())
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write_json(target: str | Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON, whole or not at all."""
    text = json.dumps(jsonable(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
