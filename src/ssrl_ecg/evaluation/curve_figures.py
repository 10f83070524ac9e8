"""Curves of scores as plots: ROC, precision-recall, reliability, risk-coverage, and what a training logged.

Every function draws one plot from a table with a column ``series``, such as the part of ``draw_figure`` that belongs to
one class; ``styles`` are those of ``line_styles``, so that a series looks alike in every figure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ssrl_ecg.evaluation.figure_style import FLOOR_COLORS, LineStyle, line_styles

Styles = Mapping[str, LineStyle]


def roc_curves(axes: Axes, frame: pd.DataFrame, *, styles: Styles | None = None) -> None:
    """Draw columns ``false_positive_rate`` and ``sensitivity``, in [0, 1]; the diagonal is chance."""
    _lines(axes, frame, "false_positive_rate", "sensitivity", styles)
    _diagonal(axes)
    _unit_square(axes, "1 − specificity", "sensitivity")


def precision_recall_curves(axes: Axes, frame: pd.DataFrame, *, styles: Styles | None = None) -> None:
    """Draw columns ``recall`` and ``precision``, in [0, 1]; a column ``prevalence`` is the precision of guessing."""
    _lines(axes, frame, "recall", "precision", styles)
    if "prevalence" in frame:
        axes.axhline(frame["prevalence"].iloc[0], color=FLOOR_COLORS[1], linewidth=0.8, zorder=0, label="_chance")
    _unit_square(axes, "sensitivity (recall)", "PPV (precision)")


def reliability_curves(axes: Axes, frame: pd.DataFrame, *, styles: Styles | None = None) -> None:
    """Draw columns ``predicted`` and ``observed`` per bin, in [0, 1]; on the diagonal, what is predicted happens."""
    _lines(axes, frame, "predicted", "observed", styles, with_markers=True)
    _diagonal(axes)
    _unit_square(axes, "predicted probability", "observed share")


def risk_coverage_curves(axes: Axes, frame: pd.DataFrame, *, styles: Styles | None = None) -> None:
    """Draw columns ``coverage`` and ``risk``, in [0, 1]: the errors left when only the surest records are decided."""
    _lines(axes, frame, "coverage", "risk", styles)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(0, max(0.01, 1.05 * float(np.nanmax(frame["risk"]))))
    axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
    axes.set_box_aspect(1)
    axes.set_xlabel("coverage (share decided)")
    axes.set_ylabel("risk (share wrong)")


def training_curves(axes: Axes, frame: pd.DataFrame, *, x: str = "epoch") -> None:
    """Draw column ``value`` against column ``x``, counted from 1; an undefined value was not logged and is bridged."""
    parts = dict(list(frame.dropna(subset="value").groupby("series", sort=False)))
    styles = line_styles([str(name) for name in parts])
    for name, part in parts.items():
        marker = "." if len(part) < 30 else ""
        axes.plot(part[x], part["value"], color=styles[str(name)].color, marker=marker, label=str(name))
    axes.set_xlabel(x)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    if len(parts) > 1:
        axes.legend(labelcolor="linecolor", handlelength=1.2)


def _lines(
    axes: Axes, frame: pd.DataFrame, x: str, y: str, styles: Styles | None, *, with_markers: bool = False
) -> None:
    parts = list(frame.groupby("series", sort=False))
    styles = styles or line_styles([str(name) for name, _ in parts])
    for name, part in parts:
        style = styles[str(name)]
        marker = (style.marker or ".") if with_markers else ""
        axes.plot(part[x], part[y], color=style.color, linestyle=style.line, marker=marker, label=str(name))


def _diagonal(axes: Axes) -> None:
    axes.plot((0, 1), (0, 1), color=FLOOR_COLORS[1], linewidth=0.8, zorder=0, label="_chance")


def _unit_square(axes: Axes, x_label: str, y_label: str) -> None:
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks((0, 0.5, 1), ("0", "0.5", "1"))
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_box_aspect(1)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
