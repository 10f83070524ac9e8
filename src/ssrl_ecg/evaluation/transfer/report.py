"""The MIT-BIH transfer's page and ``results.json``, from its cells alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.cells import describe_failures, failures_of
from ssrl_ecg.evaluation.figures import FigureStyle, forest_plot, grouped_bars
from ssrl_ecg.evaluation.protocol_report import (
    ReportFigure,
    ReportSection,
    ReportTable,
    failed_sections,
    write_protocol_report,
)
from ssrl_ecg.evaluation.transfer.crossfit import N_FOLDS, N_NORMAL
from ssrl_ecg.evaluation.transfer.holter import Rejected
from ssrl_ecg.evaluation.transfer.jobs import TRACKS
from ssrl_ecg.evaluation.transfer.rr_facts import RR_FACTS
from ssrl_ecg.evaluation.transfer.tables import (
    COMPARED_CLASSES,
    PUBLISHED,
    beat_table,
    carrier_table,
    comparison_table,
    inner_table,
    read_entries,
    score_table,
    undefined_classes,
)
from ssrl_ecg.files import jsonable, write_json
from ssrl_ecg.training.run import without_folders

_HOW = (
    "Encoders learned from twelve-lead recordings of 10 s classify beats of two-lead Holter recordings of other "
    "patients: N, S, V, F and Q of ANSI/AAMI EC57, learned on DS1 and tested on DS2 of de Chazal, O'Dwyer & Reilly "
    "(2004), without the paced records 102, 104, 107 and 217. 201 (DS1) and 202 (DS2) are one man: DS2 is given as "
    "published and without 202.\n\n"
    "Leads go by name into their place among the twelve (MLII, the modified lead, into that of II), the other ten are "
    "0 mV as under lead dropout; networks that are trained mix them by a learnable linear map that starts at the "
    "identity. Every row sees the beat beside the usual beat of its record (the median, no label), and, on the second "
    "input, the same {n_facts} facts of its RR intervals.\n\n"
    "Classes are imbalanced: at most {n_normal} normal beats of a record are learned from; fits on features weigh "
    "classes alike, networks draw them by the square root of their frequency; and one offset per class on the log "
    "probabilities, as well as penalties, is chosen in {n_folds} folds of DS1's records at the highest macro F1 of N, "
    "S, V and F. The test score is the mean of the {n_folds} trainings. Q (8 "
    "beats of DS1) is not taught: its beats count as missed."
)
_CAUTION = (
    "Beats of a record are not independent, and a few records carry most beats of a class: intervals and p values "
    "resample the records. Nearly all F beats come from one record and most S beats from another; the tables below say "
    "what each row finds there, and what its F1 is without that record."
)


@dataclass(frozen=True)
class TransferTables:
    """Every table of the protocol."""

    scores: pd.DataFrame
    comparisons: pd.DataFrame
    carriers: pd.DataFrame
    beats: pd.DataFrame
    inner: pd.DataFrame
    undefined: dict[str, tuple[str, ...]]


def make_tables(folder: Path, n_replicates: int = 2000) -> TransferTables:
    """Compute all tables from the cells of a results folder.

    Args:
        folder: results folder.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: no run there, a damaged cell, or too few replicates for the comparisons.
    """
    entries = read_entries(folder)
    return TransferTables(
        score_table(entries, n_replicates),
        comparison_table(entries, n_replicates),
        carrier_table(entries),
        beat_table(entries),
        inner_table(entries),
        undefined_classes(entries),
    )


def write_transfer_report(
    folder: Path,
    tables: TransferTables,
    rejected: Sequence[Rejected],
    provenance: Mapping[str, Any],
    style: FigureStyle = "screen",
) -> Path:
    """Write ``results.json`` and ``report.html`` with its figures and tables.

    Returns:
        Path of the page.
    """
    left_out = [without_folders(dict(one._asdict())) for one in rejected]
    frames = {name: value for name, value in vars(tables).items() if isinstance(value, pd.DataFrame)}
    results: dict[str, Any] = {name: frame.to_dict("records") for name, frame in frames.items()}
    failed = describe_failures(failures_of(folder))
    results |= {"undefined": tables.undefined, "left_out": left_out, "failed": failed, "run": provenance}
    write_json(folder / "results.json", jsonable(results))
    sections = _sections(tables, left_out) + failed_sections(failed)
    return write_protocol_report(folder, "Transfer to MIT-BIH", sections, provenance, style)


def _sections(tables: TransferTables, left_out: Sequence[Mapping[str, str]]) -> list[ReportSection]:
    how = _HOW.format(n_facts=len(RR_FACTS), n_normal=N_NORMAL, n_folds=N_FOLDS)
    undefined = "".join(f"\n\n{part}: no beat of {', '.join(names)}." for part, names in tables.undefined.items())
    listed = [
        ReportTable("carriers", "S, V and F in the records that carry them", tables.carriers),
        ReportTable("beats", "Beats of every record", tables.beats),
        ReportTable("left-out", "Records and leads that were left out", pd.DataFrame(left_out)),
    ]
    bars = _f1_of_classes(tables.scores)
    return [
        ReportSection("Scores on other patients", how + undefined, _score_tables(tables.scores), (bars,)),
        ReportSection("Against the random forest", _CAUTION, *_comparisons(tables.comparisons)),
        ReportSection(
            "Records that carry a class",
            "Records with 20 beats of the class or more, and what each row finds in them.",
            tuple(table for table in listed if len(table.frame)),
        ),
        ReportSection(
            "Within DS1",
            "F1 in the cross-validation in which penalties and offsets were chosen: optimistic, and no test.",
            (ReportTable("inner", "F1 within DS1", tables.inner),),
        ),
    ]  # fmt: skip


def _score_tables(scores: pd.DataFrame) -> tuple[ReportTable, ...]:
    """One table of F1 and one of sensitivity and PPV for every part and input."""
    tables = []
    for number, ((part, given), own) in enumerate(scores.groupby(["part", "input"], sort=False), start=1):
        shown = own.drop(columns=["part", "input"])
        for metrics, title in ((("f1",), "F1"), (("sensitivity", "ppv"), "Sensitivity and PPV")):
            names = [name for name in map(str, shown.columns) if any(f"_{metric}" in name for metric in metrics)]
            if metrics != ("f1",):
                names = [name for name in names if not name.startswith("macro")]
            frame = shown[["row", *names, "n_seeds", "cell"]]
            tables.append(ReportTable(f"{metrics[0]}-{number}", f"{title}: {part}, {given}", frame))
    return tuple(tables)


def _f1_of_classes(scores: pd.DataFrame) -> ReportFigure:
    own = scores[(scores["part"] == PUBLISHED) & (scores["input"] == TRACKS["rr"])]
    lines = [
        {"row": line["row"], "class": name, "f1": line[f"{name}_f1"], "f1_low": line[f"{name}_f1_low"],
         "f1_high": line[f"{name}_f1_high"], "cell": line["cell"]}
        for line in own.to_dict("records") for name in ("N", "S", "V", "F")
    ]  # fmt: skip
    draw = partial(grouped_bars, group="class", series="row", value="f1", low="f1_low", high="f1_high", y_label="F1")
    caption = f"F1 of each class on {PUBLISHED}, {TRACKS['rr']}; intervals resample records."
    return ReportFigure("f1-by-class", caption, pd.DataFrame(lines), draw)


def _comparisons(frame: pd.DataFrame) -> tuple[tuple[ReportTable, ...], tuple[ReportFigure, ...]]:
    if frame.empty:
        return (), ()
    own = frame[frame["part"] == PUBLISHED].copy()
    own["group"] = [f"{name}, {given}" for name, given in zip(own["class"], own["input"], strict=True)]
    own = own.sort_values("group", kind="stable")
    draw = partial(
        forest_plot, label="row", value="f1_difference", low="f1_difference_low", high="f1_difference_high",
        x_label="F1 minus that of the random forest on the same input",
    )  # fmt: skip
    caption = f"F1 of {' and '.join(COMPARED_CLASSES)} against the random forest, {PUBLISHED}."
    table = ReportTable("against-forest", "F1 minus the random forest's; p of Holm over all of a part", frame)
    return (table,), (ReportFigure("against-forest", caption, own, draw),)


def summary_lines(tables: TransferTables) -> list[str]:
    """The main result as lines of text: F1 of S and V on DS2 as published."""
    own = tables.scores[tables.scores["part"] == PUBLISHED]
    width = max(len(str(name)) for name in own["row"])
    return [
        f"{line['row']:<{width}}  {line['input']:<22}  "
        + "  ".join(
            f"{name}-F1 {line[f'{name}_f1']:.3f} ({line[f'{name}_f1_low']:.3f}-{line[f'{name}_f1_high']:.3f})"
            for name in COMPARED_CLASSES
        )
        for line in own.to_dict("records")
    ]
