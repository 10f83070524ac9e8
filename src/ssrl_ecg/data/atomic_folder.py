"""A folder that appears under its name complete, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOVE_ATTEMPTS = 10


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write in; it takes the place of ``folder`` if the block ends well.

    It lies beside ``folder``, so that moving it is a rename. If the block raises, it is deleted and what was at
    ``folder`` stays. What a killed process of this machine left is deleted by the next call. Processes that replace
    the same folder at the same time do not disturb each other: the last to finish stays.

    Args:
        folder: the final place; a folder already there is deleted once the new one is in place.

    Raises:
        OSError: the file system refused; the old folder is in place.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.building-{socket.gethostname()}-"
    _sweep(folder.parent, prefix)
    building = folder.with_name(f"{prefix}{os.getpid()}-{secrets.token_hex(4)}")
    building.mkdir()
    try:
        yield building
        _move_into_place(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    for leftover in parent.iterdir():
        if leftover.name.startswith(prefix):
            process_id = leftover.name.removeprefix(prefix).split("-")[0]
            if not _may_be_running(process_id):
                shutil.rmtree(leftover, ignore_errors=True)


def _may_be_running(process_id: str) -> bool:
    """Whether a process of this machine may still be at work; unsure counts as yes."""
    if os.name != "posix" or not process_id.isdecimal():
        return True
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _move_into_place(building: Path, folder: Path) -> None:
    """Two renames, because one cannot replace a folder that is not empty; another process may get in between them."""
    for attempt in range(_MOVE_ATTEMPTS):
        retired = building.with_name(f"{building.name}-{attempt}")
        with suppress(FileNotFoundError):
            os.rename(folder, retired)
        try:
            os.rename(building, folder)
        except OSError:
            if folder.exists() and attempt < _MOVE_ATTEMPTS - 1:
                continue
            with suppress(OSError):
                os.rename(retired, folder)
            raise
        finally:
            if folder.exists():
                shutil.rmtree(retired, ignore_errors=True)
        return
