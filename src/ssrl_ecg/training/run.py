"""What every run leaves behind: ``run.json`` with command, settings, versions, commit, seed, data, time and memory."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ssrl_ecg.files import jsonable, write_json

_PACKAGES = ("ssrl-ecg", "torch", "lightning", "numpy", "scipy", "scikit-learn", "pandas", "wfdb")
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_PACKAGE = Path(__file__).parents[1]
_FOLDERS = re.compile(r"(?<![\w.~/-])(?:~|\.\.|[A-Za-z]:)?[/\\](?:[^\s/\\]+[/\\])+")


def tune_allocator() -> bool:
    """Ask glibc to keep freed memory instead of returning it to the kernel after every step.

    Training frees and allocates the same large buffers at each step; with glibc's defaults each of them is a fresh
    ``mmap`` whose pages fault in one by one (``benchmarks/`` holds the measured gain). The price is that resident
    memory stays at its peak.

    Returns:
        Whether the settings were accepted (False where the C library is not glibc).
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(_M_MMAP_MAX, 0)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
    except (OSError, AttributeError):
        return False


def git_commit() -> str | None:
    """Commit the package's source comes from, ``+changes`` if any of its files differs; None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=_PACKAGE, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not git("ls-files", "__init__.py"):
            return None
        return git("rev-parse", "HEAD") + (
            "+changes" if git("status", "--porcelain", "--untracked-files=no", ".") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Versions of Python and of the packages whose numerics a result rests on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, in megabytes (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def as_config(value: Any) -> Any:
    """Nested plain dictionary of a configuration made of dataclasses."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_config(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_config(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_config(item) for item in value]
    return value


def without_folders(value: Any) -> Any:
    """Cut the folders off paths in nested plain values, so that a record that is shared tells nobody's home.

    Cut are absolute paths and those that lead out of the working folder; ``data/PTB-XL`` stays.
    """
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


@contextmanager
def run_record(
    folder: Path, *, command: list[str], config: Any, seed: int, data: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Write ``run.json`` at the start (status "running") and again at the end, also when the block fails.

    Paths from outside the working folder are written without their folders, see ``without_folders``.

    Args:
        folder: run folder, made if missing.
        command: the words that started the run.
        config: dataclass or dictionary with every setting.
        seed: the seed everything random was derived from.
        data: name and fingerprint of the data.

    Yields:
        The record; what the caller adds to it is written at the end.
    """
    record: dict[str, Any] = {
        "status": "running",
        "command": command,
        "config": as_config(config),
        "seed": seed,
        "data": dict(data),
        "commit": git_commit(),
        "versions": versions(),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path, began = folder / "run.json", time.monotonic()
    write_json(path, without_folders(jsonable(record)))
    try:
        yield record
        record["status"] = "finished"
    except KeyboardInterrupt:
        record["status"] = "interrupted"
        raise
    except BaseException as error:
        record["status"] = f"failed: {str(error) or type(error).__name__}".splitlines()[0]
        raise
    finally:
        record["wall_time_s"] = round(time.monotonic() - began, 2)
        record["peak_memory_mb"] = round(peak_memory_mb(), 1)
        write_json(path, without_folders(jsonable(record)))
