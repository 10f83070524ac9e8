"""Cells: the smallest pieces of a protocol, each a file of arrays that says what made it, or a note of why it failed.

A results folder keeps ``cells/<group>/<name>.npz``; beside it ``<name>.failed.json`` if the cell could not be computed.
A group is a row of the tables, such as one method; a name says which of its cells, such as ``10pct-03``.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path, remove, write_json

CellState = Literal["done", "failed", "open", "damaged", "other"]
"""Computed, failed, or still to do: not there, not readable, or made by other settings, data or code."""

IDENTITIES = "identities.json"


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result.

    Attributes:
        group: the cell's group.
        name: the cell's name within the group.
        identity: of what was tried.
        reason: one line.
        details: the traceback, without folders; empty where there is none.
    """

    group: str
    name: str
    identity: str
    reason: str
    details: str = ""


def identity_of(*parts: object) -> str:
    """Short hash of settings (plain values) and row arrays: 16 hexadecimal digits."""
    text = json.dumps(
        [part.tolist() if isinstance(part, np.ndarray) else part for part in parts], sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def group_folder(folder: Path, group: str) -> Path:
    """Where a group's cells are kept."""
    return folder / "cells" / re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")


def cell_path(folder: Path, group: str, name: str) -> Path:
    """File of one cell's arrays."""
    return group_folder(folder, group) / f"{name}.npz"


def _failure_path(folder: Path, group: str, name: str) -> Path:
    return group_folder(folder, group) / f"{name}.failed.json"


def write_cell(path: Path, arrays: Mapping[str, Any], identity: str) -> None:
    """Write a cell's arrays, compressed, whole or not at all; a note of an earlier failure goes.

    Args:
        path: ``cell_path``.
        arrays: name -> array or plain value, none of objects; ``identity`` is taken.
        identity: of what made them.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, identity=np.array(identity), **arrays)
    remove(path.with_suffix(".failed.json"))


def read_cell(path: Path) -> tuple[dict[str, Any], str]:
    """Read a cell's arrays and the identity of what made them.

    Raises:
        InputError: the file is cut short or otherwise damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # np.load would leave it open
            arrays = {name: archive[name] for name in archive.files}
        return arrays, str(arrays.pop("identity"))
    except (EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        what = "a cell's file is damaged: start the run again"
        raise InputError(what, file=path, expected="arrays with an identity", found=type(error).__name__) from error


def write_failure(folder: Path, failure: Failure) -> None:
    """Note that a cell failed; arrays of another identity in its place go."""
    write_json(_failure_path(folder, failure.group, failure.name), asdict(failure))
    remove(cell_path(folder, failure.group, failure.name))


def read_failure(folder: Path, group: str, name: str, identity: str) -> Failure | None:
    """Return the note of a failed cell; None if there is none of this identity, or it is damaged."""
    path = _failure_path(folder, group, name)
    if not path.is_file():
        return None
    try:
        failure = Failure(**json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError):
        return None
    return failure if failure.identity == identity else None


def cell_state(folder: Path, group: str, name: str, identity: str) -> CellState:
    """Look a cell up in its folder."""
    path = cell_path(folder, group, name)
    if path.is_file():
        try:
            found = read_cell(path)[1]
        except InputError:
            return "damaged"
        if found == identity:
            return "done"
    if read_failure(folder, group, name, identity) is not None:
        return "failed"
    return "other" if path.is_file() else "open"


def write_identities(folder: Path, identities: Mapping[str, Mapping[str, str]]) -> None:
    """Write which cells a run consists of: group -> name -> identity."""
    write_json(folder / IDENTITIES, identities)


def read_identities(folder: Path) -> dict[str, dict[str, str]]:
    """Read which cells the folder's last run consists of: group -> name -> identity.

    Raises:
        InputError: the folder holds no run, or its list of cells is damaged.
    """
    path = folder / IDENTITIES
    if not path.is_file():
        raise InputError("no results of a run here", file=path, expected="this file", found="nothing")
    try:
        identities: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        what = "the list of cells is damaged: start the run again"
        raise InputError(what, file=path, expected="JSON", found=error) from error
    return identities


def run_folders(folder: Path) -> list[Path]:
    """List the folders that hold a run's cells: the folder itself, or those of its tracks and random splits in it."""
    levels = (sorted(path.parent for path in folder.glob(level + IDENTITIES)) for level in ("", "*/", "*/*/"))
    return next(filter(None, levels), [folder])


def failures_of(folder: Path) -> list[Failure]:
    """Failed cells of the folder's last run, in its order."""
    listed = ((group, name, one) for group, names in read_identities(folder).items() for name, one in names.items())
    noted = ((cell, read_failure(folder, *cell)) for cell in listed)
    return [note for cell, note in noted if note is not None and cell_state(folder, *cell) == "failed"]


def describe_failures(failures: Sequence[Failure]) -> list[str]:
    """Say in sentences which cells have no result, one for each group and reason."""
    cells: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        cells.setdefault((failure.group, failure.reason), []).append(failure.name)
    return [
        f"{group}: {len(names)} failed and count in no row ({', '.join(names)}): {reason}."
        for (group, reason), names in cells.items()
    ]
