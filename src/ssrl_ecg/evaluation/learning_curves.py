"""Learning curves of a training: its history as a picture, and as a line of text per number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path

CURVES_NAME = "learning_curves.png"
_BARS = "▁▂▃▄▅▆▇█"
_GAP = " "
_WIDTH = 40
_COLUMNS = 3


def read_history(path: Path) -> pd.DataFrame:
    """Read ``history.csv``: a row per epoch, a column per number; NaN where a number was not taken or is undefined.

    Raises:
        InputError: it is missing, empty or no table of numbers.
    """
    try:
        history = pd.read_csv(path)
        return history.astype(float)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"not a history of numbers: {error}", file=path) from error


def curve_names(history: pd.DataFrame) -> list[str]:
    """Names of the numbers that have a curve: those with two defined values or more."""
    return [name for name in history.columns if name != "epoch" and history[name].notna().sum() > 1]


def write_learning_curves(history: pd.DataFrame, path: Path) -> None:
    """Draw every number of a history over its epochs into one PNG, a small panel each; nothing if there is no curve."""
    names = curve_names(history)
    if not names:
        return
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.4 * columns, 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, name in zip(panels, names, strict=False):
        panel.plot(history["epoch"] + 1, history[name], marker=".", markersize=3, linewidth=1)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
    for panel in list(panels)[len(names) :]:
        panel.remove()
    figure.supxlabel("epoch", fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def text_curves(history: pd.DataFrame) -> list[str]:
    """Say each curve in a line: its name, first value, course and last value."""
    names = curve_names(history)
    widest = max(map(len, names), default=0)
    lines = []
    for name in names:
        values = history[name].tolist()
        defined = [value for value in values if math.isfinite(value)]
        lines.append(f"{name:<{widest}} {defined[0]:>9.4g} {sparkline(values)} {defined[-1]:.4g}")
    return lines


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Draw numbers as bars of eight heights, from the lowest to the highest of them; a gap where none is defined.

    Args:
        values: in order; NaN for undefined.
        width: most characters; of more values, neighbours are averaged.

    Returns:
        At most ``width`` characters; the middle height throughout where all values are equal.
    """
    means = [_mean(values[first:last]) for first, last in _parts(len(values), width)]
    defined = [mean for mean in means if math.isfinite(mean)]
    low, high = min(defined, default=0.0), max(defined, default=0.0)
    span = high - low
    return "".join(
        _GAP if not math.isfinite(mean) else _BARS[round((mean - low) / span * 7) if span > 0 else 3] for mean in means
    )


def _parts(n: int, most: int) -> list[tuple[int, int]]:
    n_parts = min(n, most)
    return [(part * n // n_parts, (part + 1) * n // n_parts) for part in range(n_parts)]


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return sum(defined) / len(defined) if defined else math.nan
