"""The report's plots: plain arrays in, one matplotlib figure out; the same row has the same colour in every figure.

Figures are built without pyplot, so none stays open and no display is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ssrl_ecg.errors import InputError

# Okabe & Ito's colour-blind-safe palette, without its yellow, which is unreadable on white.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "D", "^", "v", "P")
_FLOOR_COLORS = ("#6b6b6b", "#9a9a9a")
_FLOOR_DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (9, 3)))
_INK, _FAINT = "#26262e", "#d5d5da"
_PANEL_COLUMNS = 3

Curve = tuple[ArrayLike, ArrayLike]


@dataclass(frozen=True)
class LineStyle:
    """How one row is drawn everywhere: ``line`` as matplotlib's linestyle, ``marker`` as its marker."""

    color: str
    line: Any
    marker: str


@dataclass(frozen=True, kw_only=True)
class FractionSeries:
    """One row over the label fractions: macro AUROC and its interval at each of them, all of the same length.

    Attributes:
        name: the row's name, also its key in the styles.
        label_fractions: shares of the training labels, in [0, 1], ascending.
        values: macro AUROC in [0, 1]; NaN where it is undefined.
        lows: lower interval ends.
        highs: upper interval ends.
    """

    name: str
    label_fractions: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


def line_styles(names: Sequence[str], floors: Collection[str] = ()) -> dict[str, LineStyle]:
    """Give each row a style: colour and marker for what is compared, grey dashes for floors.

    Args:
        names: row names in the order of the page; after six compared rows the colours repeat with another marker.
        floors: those of the names that are floors.
    """
    styles: dict[str, LineStyle] = {}
    for name in names:
        if name in floors:
            place = sum(other in floors for other in styles)
            styles[name] = LineStyle(_FLOOR_COLORS[place % 2], _FLOOR_DASHES[place % len(_FLOOR_DASHES)], "")
        else:
            place = sum(other not in floors for other in styles)
            marker = _MARKERS[(place + place // len(_COLORS)) % len(_MARKERS)]
            styles[name] = LineStyle(_COLORS[place % len(_COLORS)], "-", marker)
    return styles


def label_fraction_curve(
    series: Sequence[FractionSeries], styles: Mapping[str, LineStyle], n_labels: Mapping[float, int]
) -> Figure:
    """Macro AUROC against the share of labels (logarithmic), with intervals and each row's name at its right end.

    A row without labels is a level line with its interval as a band.

    Args:
        series: one per row; a row may have fewer fractions than others.
        styles: from ``line_styles``, one per row name.
        n_labels: number of labelled records at each fraction, written below the tick; at least one is above 0.
    """
    if not series:
        raise InputError("a label-fraction curve needs at least one row", field="series")
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(series):
        style = styles[row.name]
        if not any(row.label_fractions):
            axes.axhline(row.values[0], color=style.color, linestyle=style.line, linewidth=1.6, label=row.name)
            axes.axhspan(row.lows[0], row.highs[0], color=style.color, alpha=0.12, linewidth=0)
            continue
        # Rows stand side by side by 3 % of the fraction, or their intervals would hide each other.
        x = np.asarray(row.label_fractions) * 1.03 ** (place - (len(series) - 1) / 2)
        spread = np.abs(np.array([row.lows, row.highs]) - np.asarray(row.values))
        line = {"color": style.color, "linestyle": style.line, "marker": style.marker or ".", "markersize": 5}
        axes.errorbar(x, row.values, yerr=spread, elinewidth=1, capsize=2, linewidth=1.6, label=row.name, **line)
    fractions = sorted(fraction for fraction in n_labels if fraction)
    axes.set_xscale("log")
    axes.set_xlim(fractions[0] / 1.35, fractions[-1] * 1.35)
    axes.set_xticks(fractions, [f"{fraction * 100:.3g} %\n{n_labels[fraction]:,}" for fraction in fractions])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("share of the training labels, and labelled records")
    axes.set_ylabel("macro AUROC (test)")
    _tidy(axes)
    _label_ends(axes, {row.name: (row.values[-1], styles[row.name].color) for row in series})
    return figure


def roc_panel(curves: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, LineStyle]) -> Figure:
    """One ROC plot per class with a curve per row; the diagonal is chance.

    Args:
        curves: row name -> class -> (false-positive rate, true-positive rate), both in [0, 1].
        styles: from ``line_styles``, one per row name.
    """
    figure = _panel(curves, styles, x_label="1 − specificity", y_label="sensitivity")
    for axes in figure.axes:
        axes.plot((0, 1), (0, 1), color=_FAINT, linewidth=1, zorder=0, label="_chance")
    return figure


def pr_panel(
    curves: Mapping[str, Mapping[str, Curve]],
    styles: Mapping[str, LineStyle],
    prevalences: Mapping[str, float] | None = None,
) -> Figure:
    """One precision-recall plot per class with a curve per row; the horizontal line is chance.

    Args:
        curves: row name -> class -> (recall, precision), both in [0, 1].
        styles: from ``line_styles``, one per row name.
        prevalences: class -> share of positives in the test records, which is the precision of guessing; a class
            without one has no chance line.
    """
    figure = _panel(curves, styles, x_label="sensitivity (recall)", y_label="PPV (precision)")
    for axes in figure.axes:
        if (prevalence := (prevalences or {}).get(axes.get_title())) is not None:
            axes.axhline(prevalence, color=_FAINT, linewidth=1, zorder=0, label="_chance")
    return figure


def reliability_panel(curves: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, LineStyle]) -> Figure:
    """One reliability plot per class: how often the class is present where a probability was predicted.

    Args:
        curves: row name -> class -> (mean predicted probability, observed share) per bin, both in [0, 1]; the diagonal
            is perfect calibration.
        styles: from ``line_styles``, one per row name.
    """
    figure = _panel(curves, styles, x_label="predicted probability", y_label="observed share", with_markers=True)
    for axes in figure.axes:
        axes.plot((0, 1), (0, 1), color=_FAINT, linewidth=1, zorder=0, label="_perfect")
    return figure


def training_curves(series: Mapping[str, Sequence[float]], x_name: str = "epoch") -> Figure:
    """Small plots of what was logged while training, counted from 1 on the x axis.

    Args:
        series: name -> one value per epoch (or other ``x_name``), NaN where nothing was logged. Names "loss/train" and
            "loss/validation" share the plot "loss"; every other name has its own.
        x_name: what the x axis counts.
    """
    if not series:
        raise InputError("training curves need at least one series", field="series")
    plots: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in series.items():
        plot, _, line = name.partition("/")
        plots.setdefault(plot, {})[line] = values
    figure, all_axes = _grid(len(plots), height_in=2.3)
    for axes, (plot, lines) in zip(all_axes, plots.items(), strict=True):
        for color, (line, values) in zip(_COLORS, lines.items(), strict=False):
            x = np.arange(1, len(values) + 1)
            is_logged = np.isfinite(values)  # a gap between two logged values is bridged, or single values would vanish
            marker = "." if is_logged.sum() < 30 else ""
            axes.plot(
                x[is_logged], np.asarray(values)[is_logged], color=color, linewidth=1.5, marker=marker, label=line
            )
        axes.set_title(plot, fontsize=10, loc="left", color=_INK)
        axes.set_xlabel(x_name, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        _tidy(axes)
        if len(lines) > 1:
            axes.legend(fontsize=8, frameon=False, labelcolor="linecolor", handlelength=1.2)
    return figure


def _panel(
    curves: Mapping[str, Mapping[str, Curve]],
    styles: Mapping[str, LineStyle],
    *,
    x_label: str,
    y_label: str,
    with_markers: bool = False,
) -> Figure:
    """Unit squares, one per class in order of first appearance, with all rows in each and one legend above."""
    classes = list(dict.fromkeys(name for row in curves.values() for name in row))
    if not classes:
        raise InputError("a panel of curves needs at least one row with one class", field="curves")
    figure, all_axes = _grid(len(classes), height_in=2.9)
    for axes, class_name in zip(all_axes, classes, strict=True):
        for row, style, (x, y) in _drawn(curves, styles, class_name):
            marker = (style.marker or ".") if with_markers else ""
            line = {"color": style.color, "linestyle": style.line, "marker": marker, "markersize": 4}
            axes.plot(np.asarray(x), np.asarray(y), linewidth=1.5, label=row, **line)
        axes.set_title(class_name, fontsize=10, loc="center", color=_INK)
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.set_box_aspect(1)
        axes.set_xlabel(x_label, fontsize=9)
        axes.set_ylabel(y_label, fontsize=9)
        _tidy(axes)
    handles, labels = _legend_entries(all_axes)
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=9, frameon=False)
    return figure


def _drawn(
    curves: Mapping[str, Mapping[str, Curve]], styles: Mapping[str, LineStyle], class_name: str
) -> Iterator[tuple[str, LineStyle, Curve]]:
    return ((row, styles[row], classes[class_name]) for row, classes in curves.items() if class_name in classes)


def _legend_entries(all_axes: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Each row once, although a row may be missing in some of the plots."""
    entries: dict[str, Any] = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return list(entries.values()), list(entries)


def _grid(n_plots: int, height_in: float) -> tuple[Figure, list[Axes]]:
    n_columns = min(n_plots, _PANEL_COLUMNS)
    n_rows = -(-n_plots // n_columns)
    figure = Figure(figsize=(2.9 * n_columns, height_in * n_rows), layout="constrained")
    return figure, [figure.add_subplot(n_rows, n_columns, place + 1) for place in range(n_plots)]


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=9, length=3, color=_FAINT)
    axes.grid(visible=True, axis="y", color=_FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def _label_ends(axes: Axes, ends: Mapping[str, tuple[float, str]]) -> None:
    """Write each name right of the axes at its line's height, moved apart so that no two overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.055
    shown = sorted((value, name, color) for name, (value, color) in ends.items() if np.isfinite(value))
    heights = np.array([value for value, _, _ in shown])
    for _ in range(200):  # relaxation: push neighbours that are too near apart by half of what is missing
        missing = np.clip(gap - np.diff(heights), 0, None)
        heights[:-1] -= missing / 2
        heights[1:] += missing / 2
    for height, (value, name, color) in zip(heights, shown, strict=True):
        axes.annotate(
            name,
            xy=(1.0, value),
            xytext=(1.04, height),
            xycoords=axes.get_yaxis_transform(),
            color=color,
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": _FAINT, "linewidth": 0.8, "relpos": (0, 0.5), "shrinkA": 2},
        )
