"""The label-scarcity page: curves over label fractions, label equivalences, comparisons, and every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ssrl_ecg.evaluation.figure_style import FigureStyle
from ssrl_ecg.evaluation.label_fractions import cell_files
from ssrl_ecg.evaluation.protocol_report import ReportSection, ReportTable, failed_sections, write_protocol_report
from ssrl_ecg.evaluation.scarcity.figures import scarcity_figures
from ssrl_ecg.evaluation.scarcity.repeats import Repeats
from ssrl_ecg.evaluation.scarcity.results import LabelScarcity
from ssrl_ecg.files import write_json

ValidationTrack = Literal["fold", "scarce", "none"]

_TRACKS: dict[ValidationTrack, tuple[str, str]] = {
    "fold": (
        "Validation as plentiful as the fold",
        "A validation fold with all its labels chooses weights, penalties and thresholds, as in most papers; with few "
        "training labels that flatters every row that has something to choose.",
    ),
    "scarce": (
        "Validation as scarce as training",
        "With a share of the training labels goes the same share of the validation labels: who has labels for few "
        "recordings has them for both.",
    ),
    "none": (
        "No validation labels",
        "Only the labelled training records choose: recipes are fixed, networks keep their last weights, penalties "
        "come from cross-validation within the labelled records. Records are ranked only.",
    ),
}
_METRICS = ("auprc", "f1", "sensitivity", "specificity", "ppv", "npv", "brier", "ece")
_EQUIVALENCE = (
    "How many labels without pretraining are worth so many with it: the curve of the row without, made non-decreasing, "
    "is read backwards, straight over the logarithm of the label fraction. Intervals: 95 %, over bootstrap replicates "
    "of patients and label subsets. Outside the curve's range there is no equivalent."
)


def write_label_scarcity(
    folder: Path,
    tracks: Mapping[ValidationTrack, LabelScarcity | Repeats],
    run: Mapping[str, Any],
    *,
    style: FigureStyle = "screen",
) -> Path:
    """Write ``results.json`` and the page with its figures and tables.

    Args:
        folder: of the protocol; each track's cells are in a folder of its name.
        tracks: who may choose -> what came out, over one protocol of folds or over repeated splits.
        run: the run record so far.
        style: of the figures.

    Returns:
        Path of the page.
    """
    found = {name: _plain(one) for name, one in tracks.items()}
    failed = [f"{name}, {sentence}" for name, one in tracks.items() for sentence in one.failed]
    write_json(folder / "results.json", {"run": dict(run), "tracks": found, "failed": failed})
    sections = [
        _repeated_section(name, one) if isinstance(one, Repeats) else _section(folder, name, one)
        for name, one in tracks.items()
    ]
    return write_protocol_report(folder, "Label scarcity", sections + failed_sections(failed), run, style)


def _plain(track: LabelScarcity | Repeats) -> dict[str, Any]:
    found = asdict(track)
    del found["failed"]  # stands once for all tracks
    if isinstance(track, LabelScarcity):
        del found["curves"]  # they are in the figures' tables
        found["equivalences"] = [
            {"name": one.name, "reference": one.reference, **one.found.to_dict()} for one in track.equivalences
        ]
    else:
        found["comparisons"] = [
            {"a": one.a, "b": one.b, "label_fraction": one.label_fraction, **one.difference.to_dict()}
            for one in track.comparisons
        ]
    return found


def _section(folder: Path, name: ValidationTrack, track: LabelScarcity) -> ReportSection:
    title, text = _TRACKS[name]
    rows, differences = rows_table(track, folder, name), _differences(track)
    counts = ", ".join(f"{label} {count}" for label, count in track.test_positives.items())
    return ReportSection(
        title,
        f"{text}\n\nPositive test records, all test folds together: {counts}.\n\n{_EQUIVALENCE}",
        tables=_filled(
            ReportTable(f"{name}-rows", "Every row at every label fraction", rows),
            ReportTable(f"{name}-equivalence", "Labels with and without pretraining", equivalence_table(track)),
            ReportTable(f"{name}-comparisons", "Paired differences, p corrected by Holm's rule", differences),
        ),
        figures=scarcity_figures(name, rows, differences, track),
    )


def _filled(*tables: ReportTable) -> tuple[ReportTable, ...]:
    """Those with a row: without a pretrained encoder, nothing is compared."""
    return tuple(table for table in tables if len(table.frame))


def rows_table(track: LabelScarcity, folder: Path, name: str) -> pd.DataFrame:
    """Every row with its interval, metrics and cells; cells are named relative to ``folder``."""
    return pd.DataFrame(
        {
            "row": row.name,
            "family": row.family,
            "label_fraction": row.label_fraction,
            "labels": row.n_labels,
            "subsets_or_seeds": max(row.n_subsets, row.n_seeds),
            "macro_auroc": row.macro_auroc,
            "macro_auroc_low": row.interval[0],
            "macro_auroc_high": row.interval[1],
            **{metric: getattr(row, metric) for metric in _METRICS},
            "cell": _cells(folder, name, row.name, row.label_fraction),
        }
        for row in track.rows
    )


def _cells(folder: Path, name: str, row: str, fraction: float) -> str:
    found = cell_files(folder / name, row, needs_labels=fraction > 0)
    return ";".join(path.relative_to(folder).as_posix() for at, _, path in found if at == fraction)


def equivalence_table(track: LabelScarcity) -> pd.DataFrame:
    """Label equivalences; fractions outside a curve's range are empty, and said in words."""
    return pd.DataFrame(
        {
            "with_pretraining": one.name,
            "without": one.reference,
            "label_fraction": one.found.fraction,
            "equivalent_fraction": _inside(one.found.equivalent),
            "equivalent_fraction_low": _inside(one.found.low),
            "equivalent_fraction_high": _inside(one.found.high),
            "in_words": one.found.sentence,
        }
        for one in track.equivalences
    )


def _inside(fraction: float) -> float:
    return fraction if 0 < fraction < np.inf else np.nan


def _differences(track: LabelScarcity) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": one.a, "against": one.b, "label_fraction": one.label_fraction, "difference": one.difference,
            "difference_low": one.lo, "difference_high": one.hi, "p": one.p, "p_holm": one.p_holm,
            "verdict": one.verdict,
        }
        for one in track.comparisons
    )  # fmt: skip


def _repeated_section(name: ValidationTrack, track: Repeats) -> ReportSection:
    title, text = _TRACKS[name]
    rows = pd.DataFrame(
        {
            "row": row.name, "family": row.family, "label_fraction": row.label_fraction,
            "macro_auroc": row.plain.estimate,
            "macro_auroc_low": row.corrected.low, "macro_auroc_high": row.corrected.high,
            "uncorrected_low": row.plain.low, "uncorrected_high": row.plain.high,
        }
        for row in track.rows
    )  # fmt: skip
    differences = pd.DataFrame(
        {
            "method": one.a, "against": one.b, "label_fraction": one.label_fraction,
            "difference": one.difference.interval.estimate, "difference_low": one.difference.interval.low,
            "difference_high": one.difference.interval.high, "p": one.difference.p_value,
            "p_holm": one.difference.p_holm, "verdict": one.difference.verdict,
        }
        for one in track.comparisons
    )  # fmt: skip
    return ReportSection(
        title,
        f"{text}\n\nMeans over {track.n_splits} random splits of patients. Intervals are Student's with the variance "
        "corrected for the overlap of splits (Nadeau & Bengio 2003); beside them the uncorrected ends, which papers "
        "print. Differences: corrected resampled t-test, p corrected by Holm's rule.",
        tables=_filled(
            ReportTable(f"{name}-rows", "Every row at every label fraction", rows),
            ReportTable(f"{name}-comparisons", "Differences over the splits", differences),
        ),
    )
