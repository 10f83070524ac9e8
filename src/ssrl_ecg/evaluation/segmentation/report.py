"""The segmentation protocol's page and ``results.json``, from its cells alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.cells import describe_failures, failures_of
from ssrl_ecg.evaluation.figures import FigureStyle, curve_with_intervals, grouped_bars
from ssrl_ecg.evaluation.protocol_report import (
    ReportFigure,
    ReportSection,
    ReportTable,
    failed_sections,
    write_protocol_report,
)
from ssrl_ecg.evaluation.segmentation.data import SCORING_RATE_HZ
from ssrl_ecg.evaluation.segmentation.tables import (
    Resampling,
    against_scratch,
    boundary_table,
    comparison_table,
    read_rows,
    sample_table,
    untouched,
)
from ssrl_ecg.files import write_json
from ssrl_ecg.metrics.delineation import BOUNDARY_TOLERANCE_S, DETECTION_TOLERANCE_S

TARGETS = {"macro_f1": 0.91, "qrs_f1_40ms": 0.97}
"""Sample-wise macro F1 from scratch at all labels, and F1 of QRS onsets and offsets within 40 ms."""

_HOW = (
    "Every sample of every lead is P, QRS, T or nothing. Samples are counted at {rate:g} Hz, LUDB's own rate, inside "
    "each lead's annotated span; logits of networks at lower rates are interpolated. F1 pools all samples; Dice is the "
    "mean over records of each record's; both are means over P, QRS and T. Patients of all folds are pooled, each "
    "tested once by a network that never saw them; intervals resample patients within folds. How networks are trained "
    "was chosen on the training patients of the first fold; its test patients stand apart below, untouched by any "
    "choice. The constants of our own delineator were chosen on the odd records."
)
_BOUNDARIES = (
    "A boundary is found within {own} ms. Mean and SD are of the signed errors of all boundaries found within {wide:g} "
    "ms, predicted minus annotated: late is positive. SD within leads is the mean over leads of each lead's SD, which "
    "is what CSE's limits are compared with in the literature. F1 within {wide:g} ms says whether waves are detected, "
    "not whether boundaries are right: a constant offset passes it."
)


@dataclass(frozen=True)
class SegmentationTables:
    """Every table of the protocol."""

    samples: pd.DataFrame
    untouched: pd.DataFrame
    boundaries: pd.DataFrame
    comparisons: pd.DataFrame


def make_tables(folder: Path, scratch: Sequence[str], n_replicates: int = 2000) -> SegmentationTables:
    """Compute all tables from the cells of a results folder.

    Args:
        folder: results folder.
        scratch: names of the rows from scratch, with which the others of their rate are compared.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: no run there, a damaged cell, or too few replicates for the comparisons.
    """
    rows, resampling = read_rows(folder), Resampling.of_folder(folder, n_replicates)
    return SegmentationTables(
        sample_table(rows, resampling),
        sample_table(*untouched(folder, rows, resampling)),
        boundary_table(rows, resampling),
        comparison_table(rows, resampling, against_scratch(rows, scratch)),
    )


def write_segmentation_report(
    folder: Path, tables: SegmentationTables, provenance: Mapping[str, Any], style: FigureStyle = "screen"
) -> Path:
    """Write ``results.json`` and ``report.html`` with its figures and tables.

    Returns:
        Path of the page.
    """
    content = {
        name: getattr(tables, name).to_dict("records") for name in ("samples", "untouched", "boundaries", "comparisons")
    }
    config = {"scoring_rate_hz": SCORING_RATE_HZ, "targets": TARGETS}
    failed = describe_failures(failures_of(folder))
    write_json(folder / "results.json", {"config": config, "run": dict(provenance), "failed": failed, **content})
    sections = _sections(tables) + failed_sections(failed)
    return write_protocol_report(folder, "Segmentation of P, QRS and T on LUDB", sections, provenance, style)


def _sections(tables: SegmentationTables) -> list[ReportSection]:
    own = ", ".join(f"{1000 * value:g} ({wave.upper()})" for wave, value in BOUNDARY_TOLERANCE_S.items())
    curve = tables.samples.rename(columns={"row": "series", "macro_f1": "value", "macro_f1_low": "low",
                                           "macro_f1_high": "high"})  # fmt: skip
    share = {one: f"{100 * one:g} %" for one in curve["label_fraction"].unique() if one > 0}
    draw_curve = partial(
        curve_with_intervals, x="label_fraction", log_x=True, x_label="share of the training patients marked",
        y_label="sample-wise macro F1", tick_labels=share,
    )  # fmt: skip
    best = _largest_fraction(tables.boundaries)
    draw_bars = partial(grouped_bars, group="boundary", value="f1", low="f1_low", high="f1_high", series="row")
    wide = 1000 * DETECTION_TOLERANCE_S
    return [
        ReportSection(
            "Samples",
            _HOW.format(rate=SCORING_RATE_HZ),
            (
                ReportTable("samples", "Sample-wise F1 and Dice", tables.samples),
                ReportTable("untouched", "The same, patients on whom nothing was chosen", tables.untouched),
            ),
            (ReportFigure("label-fractions", "Macro F1 of the samples against marked patients.", curve, draw_curve),),
        ),
        ReportSection(
            "Does pretraining pay?",
            "Difference in macro F1 from the same network from scratch at the same rate and label fraction, on the "
            "same patients; p corrected by Holm for all lines of the table.",
            (ReportTable("comparisons", "Differences from scratch", tables.comparisons),),
        ),
        ReportSection(
            "Onsets and offsets",
            _BOUNDARIES.format(own=own, wide=wide),
            (ReportTable("boundaries", "Onsets and offsets", tables.boundaries),),
            (ReportFigure("boundaries", "F1 of boundaries, all marks of the training patients.", best, draw_bars),),
        ),
    ]  # fmt: skip


def _largest_fraction(boundaries: pd.DataFrame) -> pd.DataFrame:
    """Each row at its largest label fraction."""
    largest = boundaries.groupby("row")["label_fraction"].transform("max")
    return boundaries[boundaries["label_fraction"] == largest]


def findings(tables: SegmentationTables) -> list[str]:
    """Sentences for a terminal: every row's macro F1, best label fraction first."""
    shown = tables.samples.sort_values(["label_fraction", "macro_f1"], ascending=False)
    return [
        f"{row['row']}, {100 * row['label_fraction']:g} % marked: macro F1 {row['macro_f1']:.3f} "
        f"({row['macro_f1_low']:.3f} to {row['macro_f1_high']:.3f})"
        for row in shown.to_dict("records")
    ]
