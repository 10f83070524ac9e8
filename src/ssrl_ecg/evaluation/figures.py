"""Figures drawn from tables: what is drawn is what is written as CSV beside it.

A draw function takes the axes and the table of one plot; its columns can be named otherwise with ``functools.partial``,
as in ``partial(curve_with_intervals, x="label_fraction", value="auroc", log_x=True)``. Sizes of letters and lines come
from the style around the call (``figure_style``), so the same figure serves a screen and a journal's page. Figures are
built without pyplot: none stays open and no display is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssrl_ecg.evaluation.figure_style import (
    COLORS,
    FLOOR_COLORS,
    INK,
    FigureStyle,
    LineStyle,
    figure_style,
    line_styles,
    set_publication_style,
)
from ssrl_ecg.evaluation.tables import estimate, number, signed

__all__ = [
    "Draw",
    "FigureStyle",
    "LineStyle",
    "curve_with_intervals",
    "draw_figure",
    "figure_bytes",
    "figure_style",
    "forest_plot",
    "grouped_bars",
    "line_styles",
    "set_publication_style",
]

Draw: TypeAlias = Callable[[Axes, pd.DataFrame], None]

_PANEL_COLUMNS = 3
_MOST_TICKS = 12
_LEGEND_WIDTH, _LEGEND_KEY = 85, 8  # letters that fit beside each other above the plots, and those a key is wide
_HATCHES = ("", "///", "xxx", "...")
_MANY_LINES = 25  # of a forest plot, whose x axis is then also at its top


def draw_figure(frame: pd.DataFrame, draw: Draw, panel: str = "") -> Figure:
    """Draw a table: as one plot, or as one small plot for each value of its column ``panel``.

    Series that the draw function labelled are named once, in a legend above all plots.

    Args:
        frame: what is drawn; not empty.
        draw: draws one plot on the axes that it is given.
        panel: column whose values part the table into plots, in order of appearance; empty for a single plot.
    """
    if not panel:
        figure = Figure(layout="constrained")
        draw(figure.add_subplot(), frame)
    else:
        parts = list(frame.groupby(panel, sort=False))
        figure, all_axes = _grid(len(parts))
        for axes, (name, part) in zip(all_axes, parts, strict=True):
            draw(axes, part)
            axes.set_title(str(name))
    _shared_legend(figure)
    return figure


def figure_bytes(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """The figure as a file; the same figure gives the same bytes."""
    buffer = BytesIO()
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with mpl.rc_context({"svg.hashsalt": "ssrl_ecg"}):
        figure.savefig(buffer, format=kind, metadata=metadata[kind])
    return buffer.getvalue()


def curve_with_intervals(
    axes: Axes,
    frame: pd.DataFrame,
    *,
    x: str = "x",
    value: str = "value",
    low: str = "low",
    high: str = "high",
    series: str = "series",
    log_x: bool = False,
    x_label: str = "",
    y_label: str = "",
    tick_labels: Mapping[float, str] | None = None,
    styles: Mapping[str, LineStyle] | None = None,
) -> None:
    """Draw values against x as one line per series, with intervals; undefined values leave gaps.

    Series stand side by side by a hair, or their intervals would hide each other. A series whose only x is 0 is, on a
    logarithmic axis, a level line with its interval as a band. In a figure of one plot the names stand at the right
    ends of their lines.

    Args:
        axes: what is drawn on.
        frame: one row per series and x.
        x: column of numbers; ticks are at its values if they are few.
        value: column of values.
        low: column of lower interval ends; intervals are left out if there is none.
        high: column of upper interval ends.
        series: column of names; one line without a name if there is none.
        log_x: whether x is logarithmic.
        x_label: name of the x axis; without it the column's.
        y_label: name of the y axis; without it the column's.
        tick_labels: x -> text at its tick.
        styles: from ``line_styles``, so that a series looks alike in every figure of a report.
    """
    parts = _series(frame, series)
    styles = styles or line_styles(list(parts))
    shown = np.sort(frame.loc[frame[x] > 0, x].unique() if log_x else frame[x].unique())
    ends: dict[str, tuple[float, float]] = {}
    for place, (name, part) in enumerate(parts.items()):
        style, label = styles[name], f"_{name}" if _is_alone(axes) else name
        part = part.sort_values(x)
        if log_x and not part[x].any():
            axes.axhline(part[value].iloc[0], color=style.color, linestyle=style.line, label=label)
            if low in part:
                axes.axhspan(part[low].iloc[0], part[high].iloc[0], color=style.color, alpha=0.12, linewidth=0)
            ends[name] = (np.inf, part[value].iloc[0])
            continue
        beside = place - (len(parts) - 1) / 2
        at = part[x] * 1.03**beside if log_x else part[x] + 0.01 * beside * np.ptp(shown)
        line = {"color": style.color, "linestyle": style.line, "marker": style.marker or ".", "label": label}
        axes.errorbar(at, part[value], yerr=_spread(part, value, low, high), elinewidth=1, **line)
        defined = part[value].notna()
        ends[name] = (at[defined].max(), part.loc[defined, value].iloc[-1]) if defined.any() else (np.inf, np.nan)
    if log_x:
        axes.set_xscale("log")
    _ticks_at(axes, shown, tick_labels, log_x=log_x)
    axes.set_xlabel(x_label or x.replace("_", " "))
    axes.set_ylabel(y_label or value.replace("_", " "))
    if _is_alone(axes) and len(parts) > 1:
        _label_ends(axes, ends, styles)


def forest_plot(
    axes: Axes,
    frame: pd.DataFrame,
    *,
    label: str = "label",
    value: str = "value",
    low: str = "low",
    high: str = "high",
    group: str = "group",
    filled: str = "",
    reference: float | None = 0.0,
    x_label: str = "",
) -> None:
    """Draw one line per row of the table: its value with its interval, and both as text at the right.

    Rows are drawn from top to bottom. Marks are filled and blue, or hollow and grey: by default they are filled where
    the interval excludes the reference. A figure of this plot alone grows with the number of rows.

    Args:
        axes: what is drawn on.
        frame: one row per estimate.
        label: column with the rows' names.
        value: column of estimates; an undefined one is said to be so.
        low: column of lower interval ends.
        high: column of upper interval ends.
        group: column of headings above runs of rows; none are written if the table has no such column.
        filled: column that says which marks are filled; empty for the default.
        reference: the value that says nothing, such as no difference; None for none.
        x_label: name of the x axis; without it the column's.
    """
    lines = _forest_lines(frame, group)
    if _is_alone(axes):
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_figheight(0.9 + 0.024 * mpl.rcParams["font.size"] * len(lines))
    beyond = axes.get_yaxis_transform()
    for height, row in enumerate(lines):
        if isinstance(row, str):
            continue
        ends = (row[low], row[high])
        is_filled = row[filled] if filled else reference is None or ends[0] > reference or ends[1] < reference
        color = COLORS[0] if is_filled else FLOOR_COLORS[0]
        axes.plot(ends, (height, height), color=color, solid_capstyle="butt")
        axes.plot([row[value]], [height], marker="s", color=color, markerfacecolor=color if is_filled else "white")
        text = (
            "undefined" if np.isnan(row[value]) else estimate(row[value], *ends, signed if reference == 0 else number)
        )
        axes.text(1.02, height, text, transform=beyond, va="center", fontsize=mpl.rcParams["ytick.labelsize"])
    if reference is not None:
        axes.axvline(reference, color=INK, linewidth=0.8, zorder=0)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [row if isinstance(row, str) else str(row[label]) for row in lines])
    for row, tick in zip(lines, axes.get_yticklabels(), strict=True):
        tick.set_fontweight("bold" if isinstance(row, str) else "normal")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", top=len(lines) > _MANY_LINES, labeltop=len(lines) > _MANY_LINES)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(x_label or value.replace("_", " "))


def grouped_bars(
    axes: Axes,
    frame: pd.DataFrame,
    *,
    group: str = "group",
    series: str = "series",
    value: str = "value",
    low: str = "low",
    high: str = "high",
    bottom: float = 0.0,
    x_label: str = "",
    y_label: str = "",
    styles: Mapping[str, LineStyle] | None = None,
) -> None:
    """Draw bars side by side, one per series within each group, with intervals; colours that come again are hatched.

    Args:
        axes: what is drawn on.
        frame: one row per group and series; a pair that is not there leaves a gap.
        group: column of the names below the bars.
        series: column of the names in the legend.
        value: column of heights.
        low: column of lower interval ends; intervals are left out if there is none.
        high: column of upper interval ends.
        bottom: where bars begin, such as 0.5 for an AUROC, whose chance level that is.
        x_label: name of the x axis.
        y_label: name of the y axis; without it the column's.
        styles: from ``line_styles``.
    """
    parts = _series(frame, series)
    styles = styles or line_styles(list(parts))
    groups = list(dict.fromkeys(frame[group]))
    width, colors = 0.8 / len(parts), Counter[str]()
    for place, (name, part) in enumerate(parts.items()):
        at = np.array([groups.index(one) for one in part[group]]) + width * (place - (len(parts) - 1) / 2)
        heights, color = part[value].to_numpy() - bottom, styles[name].color
        hatch = _HATCHES[colors[color] % len(_HATCHES)]
        axes.bar(
            at,
            heights,
            0.92 * width,
            bottom=bottom,
            label=name,
            color=color,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
        )
        colors[color] += 1
        if low in part:
            spread = _spread(part, value, low, high)
            axes.errorbar(at, part[value], yerr=spread, fmt="none", ecolor=INK, elinewidth=1)
    axes.set_xticks(range(len(groups)), [str(name) for name in groups])
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label or value.replace("_", " "))


def _series(frame: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    if column not in frame:
        return {"": frame}
    return {str(name): part for name, part in frame.groupby(column, sort=False)}


def _spread(frame: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray | None:
    if low not in frame:
        return None
    return np.stack([frame[value] - frame[low], frame[high] - frame[value]]).clip(min=0)


def _is_alone(axes: Axes) -> bool:
    figure = axes.get_figure(root=True)
    return figure is not None and len(figure.axes) == 1


def _ticks_at(axes: Axes, x: np.ndarray, labels: Mapping[float, str] | None, *, log_x: bool) -> None:
    if len(x) == 0:
        return
    if log_x:
        axes.set_xlim(x[0] / 1.25, x[-1] * 1.25)
    if len(x) <= _MOST_TICKS:
        axes.set_xticks(x, [(labels or {}).get(one, f"{one:g}".replace("-", "−")) for one in x])
        axes.set_xticks([], minor=True)


def _label_ends(axes: Axes, ends: Mapping[str, tuple[float, float]], styles: Mapping[str, LineStyle]) -> None:
    """Write each name right of the axes, tied to the end of its line and moved up or down so that no two overlap."""
    figure, size = axes.get_figure(root=True), 0.9 * mpl.rcParams["font.size"]
    assert figure is not None
    (low, high), right = axes.get_ylim(), axes.get_xlim()[1]
    gap = (high - low) * 1.3 * size / (72 * 0.8 * figure.get_figheight())
    shown = sorted((value, x, name) for name, (x, value) in ends.items() if np.isfinite(value))
    heights = np.array([value for value, _, _ in shown])
    for _ in range(200):  # relaxation: push neighbours that are too near apart by half of what is missing
        missing = np.clip(gap - np.diff(heights), 0, None)
        heights[:-1] -= missing / 2
        heights[1:] += missing / 2
    for height, (value, x, name) in zip(heights, shown, strict=True):
        leader = {"arrowstyle": "-", "color": styles[name].color, "linewidth": 0.8, "relpos": (0, 0.5), "shrinkB": 3}
        axes.annotate(
            name, xy=(min(x, right), value), xytext=(1.03, height), textcoords=axes.get_yaxis_transform(),
            fontsize=size, va="center", annotation_clip=False, arrowprops=leader,
        )  # fmt: skip


def _forest_lines(frame: pd.DataFrame, group: str) -> list[str | dict[str, Any]]:
    """Rows of the table from top to bottom, with a heading (text) where a group begins."""
    lines: list[str | dict[str, Any]] = []
    heading = None
    for row in frame.to_dict("records"):
        if group in row and row[group] != heading:
            heading = row[group]
            lines.append(str(heading))
        lines.append({str(name): cell for name, cell in row.items()})
    return lines


def _grid(n_plots: int) -> tuple[Figure, list[Axes]]:
    n_columns = min(n_plots, _PANEL_COLUMNS)
    n_rows = -(-n_plots // n_columns)
    width = mpl.rcParams["figure.figsize"][0] / _PANEL_COLUMNS * 1.1
    figure = Figure(figsize=(width * n_columns, width * n_rows), layout="constrained")
    return figure, [figure.add_subplot(n_rows, n_columns, place + 1) for place in range(n_plots)]


def _shared_legend(figure: Figure) -> None:
    """Name each series once above the plots, although it may be missing in some; nothing if a plot has its own."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        if axes.get_legend() is not None:
            return
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        longest = max(len(label) for label in entries)
        n_columns = min(3, max(1, _LEGEND_WIDTH // (longest + _LEGEND_KEY)))
        figure.legend(list(entries.values()), list(entries), loc="outside upper left", ncols=n_columns)
