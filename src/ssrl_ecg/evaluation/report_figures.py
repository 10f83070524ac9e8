"""The comparison report's figures: from the dataclasses to tables and how they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import pandas as pd

from ssrl_ecg.evaluation import curve_figures
from ssrl_ecg.evaluation.figure_files import ReportFigure, file_name
from ssrl_ecg.evaluation.figures import LineStyle, curve_with_intervals, forest_plot, line_styles
from ssrl_ecg.evaluation.report_data import TEST_PART, Curves, ReportData
from ssrl_ecg.evaluation.report_tables import amount
from ssrl_ecg.evaluation.score_curves import score_curves
from ssrl_ecg.evaluation.tables import number, percent


def report_figures(data: ReportData) -> dict[str, list[ReportFigure]]:
    """All figures by the part of the page they stand in: "labels", "differences", "curves", "training"."""
    styles = line_styles(data.row_names, data.floors)
    return {
        "labels": [_label_fractions(data, styles)] if len(data.fractions) > 1 else [],
        "differences": [_differences(data)] if data.comparisons else [],
        "curves": [figure for curves in data.curves for figure in _curves(data, curves, styles)],
        "training": list(_trainings(data)),
    }


def _label_fractions(data: ReportData, styles: Mapping[str, LineStyle]) -> ReportFigure:
    frame = pd.DataFrame(
        {
            "row": row.name,
            "label_fraction": row.label_fraction,
            "n_labels": row.n_labels,
            "macro_auroc": row.macro_auroc,
            "macro_auroc_low": row.interval[0],
            "macro_auroc_high": row.interval[1],
        }
        for name in data.row_names
        for row in sorted((one for one in data.rows if one.name == name), key=lambda one: one.label_fraction)
    )
    n_labels = {fraction: max(row.n_labels for row in data.at(fraction).values()) for fraction in data.fractions}
    told = "; ".join(
        f"{name} {', '.join(map(number, part['macro_auroc']))}" for name, part in frame.groupby("row", sort=False)
    )
    amounts = ", ".join(amount(data, fraction) for fraction in data.fractions)
    return ReportFigure(
        "label-fractions",
        "Macro AUROC by number of labels. Bars are the intervals of the table; floors are grey and dashed, and a row "
        "without labels is a level line.",
        frame,
        partial(
            curve_with_intervals, series="row", x="label_fraction", value="macro_auroc", low="macro_auroc_low",
            high="macro_auroc_high", log_x=True, x_label="share of the training labels, and labelled records",
            y_label="macro AUROC (test)", styles=styles,
            tick_labels={fraction: f"{percent(fraction)}\n{count:,}" for fraction, count in n_labels.items()},
        ),
        alt=f"Line chart of macro AUROC with {amounts}. {told}. The table below adds the intervals.",
    )  # fmt: skip


def _differences(data: ReportData) -> ReportFigure:
    frame = pd.DataFrame(
        {
            "comparison": f"{one.a} against {one.b}",
            "labels": amount(data, one.label_fraction),
            "difference": one.difference,
            "low": one.lo,
            "high": one.hi,
            "p": one.p,
            "p_holm": one.p_holm,
            "verdict": one.verdict,
            "is_different": one.verdict in ("better", "worse"),
        }
        for one in sorted(data.comparisons, key=lambda one: one.label_fraction)
    )
    return ReportFigure(
        "differences",
        "Paired differences in macro AUROC with intervals. Filled marks: differences that survive Holm’s correction.",
        frame,
        partial(
            forest_plot, label="comparison", group="labels", value="difference", filled="is_different",
            x_label="difference in macro AUROC (first minus second)",
        ),
        alt="Forest plot of the paired differences; the table below has every number.",
    )  # fmt: skip


def _curves(data: ReportData, curves: Curves, styles: Mapping[str, LineStyle]) -> list[ReportFigure]:
    sizes, counts = data.data.split_sizes, data.data.class_counts.get(TEST_PART, {})
    return score_curves(
        curves,
        amount(data, curves.label_fraction),
        n_positives={name: score.n_positives for row in data.rows for name, score in row.per_class.items()},
        prevalences={name: count / sizes[TEST_PART] for name, count in counts.items() if sizes.get(TEST_PART)},
        styles=styles,
    )


def _trainings(data: ReportData) -> Iterator[ReportFigure]:
    """One figure per training; series "loss/train" and "loss/validation" share the plot "loss"."""
    for place, curve in enumerate(data.training, start=1):
        frame = pd.DataFrame(
            [
                (name.partition("/")[0], name.partition("/")[2], at, value)
                for name, values in curve.series.items()
                for at, value in enumerate(values, start=1)
            ],
            columns=["plot", "series", curve.x, "value"],
        )
        ends = ", ".join(f"{name} {values[-1]:.3g}" for name, values in curve.series.items() if values)
        yield ReportFigure(
            f"training-{place}-{file_name(curve.name)}",
            curve.name,
            frame,
            partial(curve_figures.training_curves, x=curve.x),
            panel="plot",
            alt=f"Line charts of what was logged while training {curve.name}. Last values: {ends}.",
        )
