"""Words of the generated tables: rows, numbers, and where a table comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number without the zero before its point; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """Write a number with its sign."""
    return ("+" if value >= 0 else "−") + number(abs(value))


def made_by(run: Mapping[str, Any], folder: str) -> str:
    """Say where a table comes from: folder, command, commit and seed."""
    command = run["command"] if isinstance(run["command"], str) else " ".join(run["command"])
    return f"\nFrom `results/{folder}`: `{command}`, commit `{(run['commit'] or '')[:10]}`, seed {run['seed']}.\n"
