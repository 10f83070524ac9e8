"""ROC, precision-recall, reliability and risk-coverage curves as figures of a report, one small plot per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from ssrl_ecg.evaluation import curve_figures
from ssrl_ecg.evaluation.figure_files import ReportFigure, file_name
from ssrl_ecg.evaluation.figures import LineStyle
from ssrl_ecg.evaluation.report_data import XY, Curves

_MAX_PANEL_CLASSES = 6


@dataclass(frozen=True)
class _CurveKind:
    """A kind of curve: field of ``Curves``, names of its two columns, how it is drawn, and what its captions say."""

    field: str
    x: str
    y: str
    title: str
    draw: Callable[..., None]
    explanation: str


_CURVE_KINDS = (
    _CurveKind(
        "roc", "false_positive_rate", "sensitivity", "ROC curves", curve_figures.roc_curves, "the diagonal is chance"
    ),
    _CurveKind(
        "pr", "recall", "precision", "Precision-recall curves", curve_figures.precision_recall_curves,
        "the horizontal line is the precision of guessing",
    ),
    _CurveKind(
        "reliability", "predicted", "observed", "Calibration", curve_figures.reliability_curves,
        "on the diagonal a predicted probability is what happens",
    ),
    _CurveKind(
        "risk_coverage", "coverage", "risk", "Risk and coverage", curve_figures.risk_coverage_curves,
        "the share of wrong decisions when only the surest records are decided",
    ),
)  # fmt: skip


def score_curves(
    curves: Curves,
    amount: str,
    *,
    n_positives: Mapping[str, int],
    prevalences: Mapping[str, float],
    styles: Mapping[str, LineStyle],
    prefix: str = "",
) -> list[ReportFigure]:
    """Make one figure of each kind of curve that there is.

    Args:
        curves: the curves of rows at one label fraction.
        amount: how many labels that is, in words.
        n_positives: class -> positive test records; only the six classes with the most are drawn.
        prevalences: class -> share of positives in the test records; the precision of guessing.
        styles: row name -> how it is drawn, from ``line_styles``.
        prefix: of the figures' names, where a report has several such sets.
    """
    figures = []
    for kind in _CURVE_KINDS:
        shown, left_out = _most_frequent_classes(getattr(curves, kind.field), n_positives)
        frame = pd.DataFrame(
            [
                (row, name, x, y, prevalences.get(name))
                for row, by_class in shown.items()
                for name, points in by_class.items()
                for x, y in zip(*points, strict=True)
            ],
            columns=["series", "class", kind.x, kind.y, "prevalence"],
        )
        if len(frame):
            figures.append(
                ReportFigure(
                    file_name(f"{prefix} {kind.field} {100 * curves.label_fraction:.3g}pct"),
                    f"{kind.title} with {amount}; {kind.explanation}.{left_out}",
                    frame,
                    partial(kind.draw, styles=styles),
                    panel="class",
                    alt=f"{kind.title} of each class for {', '.join(shown)}.",
                )
            )
    return figures


def _most_frequent_classes(
    curves: Mapping[str, Mapping[str, XY]], n_positives: Mapping[str, int]
) -> tuple[dict[str, dict[str, XY]], str]:
    """The curves of at most six classes, those with the most positive test records, and a sentence about the others."""
    classes = list(dict.fromkeys(name for by_class in curves.values() for name in by_class))
    kept = sorted(classes, key=lambda name: -n_positives.get(name, 0))[:_MAX_PANEL_CLASSES]
    shown = {
        row: {name: by_class[name] for name in classes if name in kept and name in by_class}
        for row, by_class in curves.items()
    }
    left_out = (
        f" Shown are the {len(kept)} most frequent of {len(classes)} classes." if len(kept) < len(classes) else ""
    )
    return {row: by_class for row, by_class in shown.items() if by_class}, left_out
