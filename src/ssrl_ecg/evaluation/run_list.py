"""What was run in a folder: every run record below it, with the number that tells most about it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.learning_curves import read_history

_LARGEST_BYTES = 50_000_000
"""Larger JSON files are no records of this toolkit, and are not read."""


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        folder: where its ``run.json`` lies.
        command: the command that was run, its first words only: "pretrain simclr".
        status: "finished", "running", "interrupted" or "failed: ..."; a process that was killed is "running" for ever.
        started: UTC, ISO 8601; "" where the record does not say.
        wall_time_s: how long it took; NaN while it runs.
        headline: its best number with its name; "" where there is none.
    """

    folder: Path
    command: str
    status: str
    started: str
    wall_time_s: float
    headline: str


def list_runs(folder: Path) -> list[RunSummary]:
    """Find the runs in a folder and all folders below it, the latest first.

    A record that cannot be read is listed with what is wrong as its status. Symbolic links are not followed.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("no such folder", file=folder)
    paths = (Path(root) / "run.json" for root, _, names in os.walk(folder) if "run.json" in names)
    return sorted(map(_summary, paths), key=lambda run: (run.started, str(run.folder)), reverse=True)


def _summary(path: Path) -> RunSummary:
    record = _read_object(path)
    if record is None:
        return RunSummary(path.parent, "", "unreadable record", "", math.nan, "")
    wall_time_s = record.get("wall_time_s")
    return RunSummary(
        folder=path.parent,
        command=_first_words(record.get("command")),
        status=str(record.get("status", "finished")),
        started=str(record.get("started", "")),
        wall_time_s=float(wall_time_s) if isinstance(wall_time_s, int | float) else math.nan,
        headline=next(_headlines(path.parent), ""),
    )


def _read_object(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if it is none."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _first_words(command: object) -> str:
    """Return the words before the first flag, without the program's name: at most two."""
    words = command.split() if isinstance(command, str) else command if isinstance(command, list) else []
    names: list[str] = []
    for word in map(str, words[1:]):
        if word.startswith("-") or len(names) == 2:
            break
        names.append(word)
    return " ".join(names)


def _headlines(folder: Path) -> Iterator[str]:
    """Yield what a run's files have to say, the most telling first."""
    results = _read_object(folder / "results.json")
    if results is not None:
        yield from _best_row(results)
    if (folder / "history.csv").is_file():
        try:
            yield from _best_epoch(read_history(folder / "history.csv"))
        except InputError:
            return


def _best_row(results: dict[str, Any]) -> Iterator[str]:
    """The row with the highest macro AUROC among those with most labels."""
    rows = [row for row in _tables(results.get("rows")) if isinstance(row.get("macro_auroc"), int | float)]
    if rows:
        most = max(row.get("label_fraction") or 0.0 for row in rows)
        best = max(
            (row for row in rows if (row.get("label_fraction") or 0.0) == most), key=lambda row: row["macro_auroc"]
        )
        with_labels = f" at {100 * most:g} % labels" if most else ""
        yield f"macro AUROC {best['macro_auroc']:.3f} ({best.get('name', '?')}){with_labels}"


def _tables(rows: object) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _best_epoch(history: pd.DataFrame) -> Iterator[str]:
    """The best validation AUROC, else the last kNN AUROC or loss."""
    for name in history.columns:
        if name.startswith("auroc_") and history[name].notna().any():
            yield f"validation AUROC {history[name].max():.3f}"
    for name, words in (("knn_auroc", "kNN AUROC"), ("loss", "loss")):
        if name in history and history[name].notna().any():
            yield f"{words} {history[name].dropna().iloc[-1]:.3g}"
