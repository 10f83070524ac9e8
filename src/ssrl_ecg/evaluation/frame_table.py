"""From a pandas table to a page's table: columns' names say how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.tables import Cell, Group, Table, counted, estimate, p_value, percent, significant

_CELL = "cell"
_WRITTEN = {
    "auroc": "AUROC", "auprc": "AUPRC", "aurc": "AURC", "f1": "F1", "ppv": "PPV", "npv": "NPV", "ece": "ECE",
    "sd": "SD", "snr": "SNR", "qrs": "QRS", "holm": "Holm", "ms": "(ms)",
    "s": "(s)", "hz": "(Hz)", "mv": "(mV)", "db": "(dB)",
}  # fmt: skip


def frame_table(caption: str, frame: pd.DataFrame, files: Mapping[str, str] | None = None) -> Table:
    """Show a table on a page; what columns' names mean is told in ``protocol_report``.

    Args:
        caption: the line above it.
        frame: at least one column; the first heads the rows.
        files: name of a link -> path of the same numbers.
    """
    intervals = {name: ends for name in frame.columns if (ends := _ends(frame, str(name)))}
    hidden = {_CELL, *(end for ends in intervals.values() for end in ends)}
    head, *others = [str(name) for name in frame.columns if name not in hidden]
    writers = {name: _writer(frame[name]) for name in (head, *others)}
    table = Table(caption, tuple(map(heading, (head, *others, *([_CELL] * (_CELL in frame))))), files=dict(files or {}))

    def cells(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
        shown = [_cell(row[name], [row[end] for end in intervals.get(name, ())], writers[name]) for name in others]
        return (*shown, *([_sources(row[_CELL])] if _CELL in row else []))

    rows = tuple((_text(row[head], writers[head]), cells(row)) for row in frame.to_dict("records"))
    table.groups = (Group("", rows),)
    return table


def heading(name: str) -> str:
    """A column's name as words: "onset_error_ms" is "Onset error (ms)", "n_records" is "Records"."""
    words = [_WRITTEN.get(word, word) for word in name.removeprefix("n_").split("_")]
    first = words[0] if len(words[0]) == 1 else words[0][:1].upper() + words[0][1:]
    return " ".join((first, *words[1:]))


def _ends(frame: pd.DataFrame, name: str) -> tuple[str, str] | None:
    ends = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    return ends if set(ends) <= set(frame.columns) else None


def _writer(column: pd.Series[Any]) -> Callable[[Any], str]:
    """How all numbers of a column are written, with as many decimals as its largest leaves of four digits."""
    name = str(column.name)
    if not pd.api.types.is_float_dtype(column):
        return lambda value: f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if name == "p" or name.startswith("p_"):
        return p_value
    if name.endswith("fraction"):
        return percent
    return partial(significant, largest=float(column.abs().max()))


def _cell(value: Any, ends: list[Any], write: Callable[[Any], str]) -> Cell:
    if pd.isna(value):
        return Cell("–")
    text = estimate(value, ends[0], ends[1], write) if ends else _text(value, write)
    is_number = isinstance(value, (int, float)) and math.isfinite(value)
    return Cell(text, value=float(value) if is_number else None)


def _text(value: Any, write: Callable[[Any], str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if pd.isna(value) else write(value)


def _sources(value: Any) -> Cell:
    names = value.split(";") if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
    names = [name.strip() for name in names if name.strip()]
    return Cell(counted(len(names), "file"), sources=tuple(names)) if names else Cell("–")
