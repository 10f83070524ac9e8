"""The figures of a label-scarcity page: curves over labels, differences, calibration, and risk against coverage."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from ssrl_ecg.evaluation.figure_files import file_name
from ssrl_ecg.evaluation.figure_style import line_styles
from ssrl_ecg.evaluation.figures import curve_with_intervals, forest_plot
from ssrl_ecg.evaluation.protocol_report import ReportFigure
from ssrl_ecg.evaluation.scarcity.results import LabelScarcity
from ssrl_ecg.evaluation.score_curves import score_curves
from ssrl_ecg.evaluation.tables import percent


def scarcity_figures(
    name: str, rows: pd.DataFrame, differences: pd.DataFrame, track: LabelScarcity
) -> tuple[ReportFigure, ...]:
    """Make every figure of a track.

    Args:
        name: of the track; figures' names begin with it.
        rows: the page's table of rows.
        differences: its table of paired differences; empty where nothing is compared.
        track: what came out.
    """
    return (
        curve_figure(f"{name}-curve", rows, track),
        *difference_figures(name, differences),
        *_score_figures(name, rows, track),
    )


def curve_figure(name: str, rows: pd.DataFrame, track: LabelScarcity) -> ReportFigure:
    """Macro AUROC against the share of labels (logarithmic) of the rows that are compared, with intervals."""
    frame = rows[rows["row"].isin(shown)] if (shown := track.compared_rows) else rows
    counts = zip(frame["label_fraction"].tolist(), frame["labels"].tolist(), strict=True)
    draw = partial(
        curve_with_intervals,
        x="label_fraction", value="macro_auroc", low="macro_auroc_low", high="macro_auroc_high", series="row",
        log_x=True, x_label="share of the training labels, and labelled records", y_label="macro AUROC (test)",
        tick_labels={fraction: f"{100 * fraction:.3g} %\n{count:,}" for fraction, count in dict(counts).items()},
        styles=line_styles(frame["row"].unique().tolist(), _floors(frame)),
    )  # fmt: skip
    return ReportFigure(name, "Macro AUROC with 95 % intervals over patients and label subsets or seeds", frame, draw)


def difference_figures(name: str, differences: pd.DataFrame) -> Iterator[ReportFigure]:
    """A forest plot of the paired differences for each row that is compared."""
    if not len(differences):
        return
    named = differences.assign(
        is_different=differences["verdict"].isin(("better", "worse")),
        amount=[f"{percent(fraction)} of the labels" for fraction in differences["label_fraction"]],
    )
    for row, part in named.groupby("method", sort=False):
        yield ReportFigure(
            file_name(f"{name} differences {row}"),
            f"{row}: paired differences in macro AUROC with 95 % intervals. Filled marks survive Holm’s correction.",
            part.sort_values("label_fraction", kind="stable"),
            partial(
                forest_plot, label="against", value="difference", low="difference_low", high="difference_high",
                group="amount", filled="is_different", x_label=f"{row} minus the other row",
            ),
        )  # fmt: skip


def _score_figures(name: str, rows: pd.DataFrame, track: LabelScarcity) -> Iterator[ReportFigure]:
    """Calibration and risk against coverage of the compared rows that give probabilities."""
    for curves in track.curves:
        part = rows[(rows["label_fraction"] == curves.label_fraction) & rows["row"].isin(curves.reliability)]
        styles = line_styles(part["row"].tolist(), _floors(part))
        amount = f"{percent(curves.label_fraction)} of the labels, the first subset"
        yield from score_curves(
            curves, amount, n_positives=track.test_positives, prevalences={}, styles=styles, prefix=name
        )


def _floors(frame: pd.DataFrame) -> list[str]:
    return frame.loc[frame["family"] == "floor", "row"].unique().tolist()
