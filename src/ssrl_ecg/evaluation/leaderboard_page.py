"""The leaderboard as a page: rows and differences as sortable tables and forest plots, one section per question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.cells import group_folder
from ssrl_ecg.evaluation.figure_files import file_name
from ssrl_ecg.evaluation.figures import FigureStyle, forest_plot, line_styles
from ssrl_ecg.evaluation.leaderboard import Leaderboard, Question, best_rows
from ssrl_ecg.evaluation.protocol_report import (
    ReportFigure,
    ReportSection,
    ReportTable,
    failed_sections,
    write_protocol_report,
)
from ssrl_ecg.evaluation.report_scores import Row
from ssrl_ecg.evaluation.score_curves import score_curves
from ssrl_ecg.evaluation.tables import counted, percent

_SCORES = ("auprc", "f1", "sensitivity", "specificity", "brier", "ece")
_QUESTIONS: dict[Question, str] = {
    "signals alone": "Pretraining on signals alone, against the best row without clinical knowledge",
    "with knowledge": "Pretraining with clinical knowledge, against the best row that is not pretrained",
}
_RULES = (
    "Subsets of labels, splits and resamples are the same for every row. Brackets and bars are 95 % intervals that "
    "resample patients and, where there are several, label subsets or seeds. The best row that is not pretrained is "
    "chosen on the very test records, which is kind to it. p values are corrected by Holm’s rule within a question and "
    "an amount of labels; a difference that does not survive it is no difference."
)


def write_leaderboard_page(
    leaderboard: Leaderboard, run: Mapping[str, Any], folder: Path, style: FigureStyle = "screen"
) -> Path:
    """Write ``report.html``, and each table and figure as files, into ``folder``.

    Args:
        leaderboard: what the page says.
        run: the record of the run it came from.
        folder: made if missing.
        style: "publication" for figures that can go into a journal.

    Returns:
        Path of ``report.html``.
    """
    sections = [
        ReportSection("The best of each kind", _RULES, (_best_table(leaderboard),)),
        *_standings_sections(leaderboard),
        *(_question_section(leaderboard, question) for question in _QUESTIONS if leaderboard.comparisons[question]),
        ReportSection("Cost of pretraining", "", (_cost_table(leaderboard),)),
        *failed_sections(leaderboard.failures),
    ]
    return write_protocol_report(folder, "Leaderboard of pretraining methods", sections, run, style)


def _best_table(leaderboard: Leaderboard) -> ReportTable:
    best = [
        {"row": row.name, "n_labels": row.n_labels, "family": row.family, **_score(row)}
        for row in best_rows(leaderboard.rows)
    ]
    return ReportTable("best", "The best row of each family at each amount of labels", pd.DataFrame(best))


def _standings_sections(leaderboard: Leaderboard) -> Iterator[ReportSection]:
    """One section per amount of labels; rows that need no label stand in each."""
    unlabelled = [row for row in leaderboard.rows if not row.label_fraction]
    for fraction in sorted({row.label_fraction for row in leaderboard.rows if row.label_fraction}):
        rows = [row for row in leaderboard.rows if row.label_fraction == fraction]
        amount = f"{counted(max(row.n_labels for row in rows), 'label')} ({percent(fraction)})"
        ranked = sorted([*rows, *unlabelled], key=lambda row: -row.macro_auroc)
        frame = pd.DataFrame([_row(row, leaderboard.knowledge[row.name]) for row in ranked])
        best = leaderboard.references["with knowledge"][f"{fraction:g}"]
        name = file_name(f"standings {100 * fraction:.3g}pct")
        figure = ReportFigure(
            name,
            f"Macro AUROC with {amount}. Filled marks: pretrained rows. The line: the best of all others, {best}.",
            frame.assign(is_pretrained=frame["family"] == "method"),
            partial(
                forest_plot, label="row", value="macro_auroc", low="macro_auroc_low", high="macro_auroc_high", group="",
                filled="is_pretrained", reference=next(row.macro_auroc for row in rows if row.name == best),
                x_label="macro AUROC (test)",
            ),
        )  # fmt: skip
        table = ReportTable(name, f"Scores with {amount}, averaged over classes", frame)
        yield ReportSection(f"With {amount}", "", (table,), (figure, *_curves(leaderboard, rows, amount)))


def _curves(leaderboard: Leaderboard, rows: Sequence[Row], amount: str) -> Iterator[ReportFigure]:
    """Curves of the best row of each family."""
    best = best_rows(rows)
    styles = line_styles([row.name for row in best], [row.name for row in best if row.family == "floor"])
    n_positives = {name: score.n_positives for row in best for name, score in row.per_class.items()}
    for curves in leaderboard.curves:
        if curves.label_fraction == best[0].label_fraction:
            yield from score_curves(curves, amount, n_positives=n_positives, prevalences={}, styles=styles)


def _row(row: Row, knows: bool) -> dict[str, Any]:
    cells = group_folder(Path(), row.name).as_posix()
    return {
        "row": row.name,
        "family": row.family,
        "knowledge": knows,
        "n_labels": row.n_labels,
        **_score(row),
        **{name: getattr(row, name) for name in _SCORES},
        "cell": f"{cells}/{100 * row.label_fraction:g}pct-*.npz",
    }


def _score(row: Row) -> dict[str, float]:
    low, high = row.interval
    return {"macro_auroc": row.macro_auroc, "macro_auroc_low": low, "macro_auroc_high": high}


def _question_section(leaderboard: Leaderboard, question: Question) -> ReportSection:
    compared = leaderboard.comparisons[question]
    frame = pd.DataFrame(
        {
            "row": one.a,
            "against": one.b,
            "label_fraction": one.label_fraction,
            "difference": one.difference,
            "difference_low": one.lo,
            "difference_high": one.hi,
            "p": one.p,
            "p_holm": one.p_holm,
            "verdict": one.verdict,
        }
        for one in sorted(compared, key=lambda one: (one.label_fraction, -one.difference))
    )
    name = f"differences-{question.replace(' ', '-')}"
    figures = tuple(
        _differences(file_name(f"{name} {100 * fraction:.3g}pct"), fraction, frame[frame["label_fraction"] == fraction])
        for fraction in sorted({one.label_fraction for one in compared})
    )
    table = ReportTable(name, "Paired differences in macro AUROC, row minus rival", frame)
    return ReportSection(_QUESTIONS[question], "", (table,), figures)


def _differences(name: str, fraction: float, part: pd.DataFrame) -> ReportFigure:
    return ReportFigure(
        name,
        f"Differences to {part['against'].iloc[0]} with {percent(fraction)} of the labels. Filled marks: differences "
        "that survive Holm’s correction.",
        part.assign(is_different=part["verdict"].isin(("better", "worse"))),
        partial(
            forest_plot, label="row", value="difference", low="difference_low", high="difference_high", group="",
            filled="is_different", x_label="difference in macro AUROC",
        ),
    )  # fmt: skip


def _cost_table(leaderboard: Leaderboard) -> ReportTable:
    frame = pd.DataFrame(leaderboard.processor_s.items(), columns=["pretraining", "processor_time_s"])
    return ReportTable("cost", "Processor time of each pretraining", frame)
