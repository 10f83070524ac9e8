"""The robustness report: answers first, then curves and tables per kind of corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from ssrl_ecg.evaluation.figures import (
    Draw,
    FigureStyle,
    LineStyle,
    curve_with_intervals,
    forest_plot,
    grouped_bars,
    line_styles,
)
from ssrl_ecg.evaluation.protocol_report import ReportFigure, ReportSection, ReportTable, write_protocol_report
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, CORRUPTIONS
from ssrl_ecg.evaluation.robustness.tables import (
    RobustnessResults,
    differences_table,
    families_table,
    noise_pairs,
    reference_pairs,
    scores_table,
)
from ssrl_ecg.files import write_json

_METHOD = """Models are fitted once to clean records: probes with penalties by cross-validation within the training
records, networks with their last weights. Every model then scores the same corrupted samples (the same hash in every
cell). AUROC is the mean over classes and test folds; seeds are averaged.

Drop: AUROC on clean records minus AUROC on corrupted ones. Relative drop: the drop as a share of what the clean AUROC
has above 0.5. Intervals and p values: bootstrap of patients within test folds, the same resamples for every model and
corruption; Holm's correction over the comparisons of one table within one corruption. "Loses less" needs an interval
that leaves 0 out and a corrected p of 0.05 at most."""


def report_robustness(
    folder: Path, run: Mapping[str, object], *, n_replicates: int = 2000, style: FigureStyle = "screen"
) -> list[str]:
    """Write ``results.json``, ``report.html`` and the files of its tables and figures; return the answers.

    Args:
        folder: finished results of ``prepare_robustness``.
        run: how they came about.
        n_replicates: bootstrap replicates.
        style: "publication" for figures that can go into a journal.

    Raises:
        InputError: see ``RobustnessResults``.
    """
    results = RobustnessResults(folder, n_replicates=n_replicates)
    tables = {
        "scores": scores_table(results),
        "families": families_table(results),
        "noise_transforms": differences_table(results, noise_pairs(results)),
        "against_reference": differences_table(results, reference_pairs(results)),
    }
    answers = _answers(results, tables)
    records = {name: table.to_dict("records") for name, table in tables.items()}
    write_json(folder / "results.json", {"run": dict(run), "answers": answers, "failed": results.failed, **records})
    sections = [
        ReportSection("Answers", "\n\n".join([*answers, *_failures(results), _METHOD])),
        *_difference_sections(results, tables),
        *_group_sections(results, tables["scores"]),
        ReportSection(
            "All numbers",
            "The worst class is the one with the lowest AUROC.",
            (
                ReportTable("families", "Losses averaged over the severities of a corruption.", tables["families"]),
                ReportTable("scores", "Every model under every corruption.", tables["scores"]),
            ),
        ),
    ]
    write_protocol_report(folder, "Robustness to corrupted recordings", sections, run, style)
    return answers


def _failures(results: RobustnessResults) -> list[str]:
    return [f"Failed: {model} ({reason})." for model, reason in results.failed.items()]


def _answers(results: RobustnessResults, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences: do noise transforms buy robustness, and who loses less than the reference."""
    answers = [
        f"{first} against {second}: {_counted(tables['noise_transforms'], first, second)}."
        for first, second in noise_pairs(results)
    ]
    return answers + [
        f"{first} against {second}: {_counted(tables['against_reference'], first, second)}."
        for first, second in reference_pairs(results)
    ]


def _counted(table: pd.DataFrame, first: str, second: str) -> str:
    here = table[(table["model"] == first) & (table["compared_with"] == second)]
    parts = [
        f"{verdict} under {', '.join(part['corruption'])}"
        for verdict, part in here.groupby("verdict", sort=False)
        if verdict != "no difference"
    ]
    same = int((here["verdict"] == "no difference").sum())
    return "; ".join([*parts, f"no difference under {same} of {len(here)} corruptions"])


def _difference_sections(results: RobustnessResults, tables: Mapping[str, pd.DataFrame]) -> list[ReportSection]:
    texts = {
        "noise_transforms": (
            "Do noise transforms in training buy robustness?",
            "Mehari & Strodthoff (2022) report that they do in pretraining, tested with noise of the same kind. Each "
            "row with noise against the same row without; frozen and fine-tuned ones met noise in pretraining only.",
        ),
        "against_reference": (
            f"Who loses less than {results.protocol.reference}?",
            "A row can lose less because it had less: read it beside the AUROC itself.",
        ),
    }
    return [
        ReportSection(title, text, _difference_tables(name, tables[name]), _difference_figures(name, tables[name]))
        for name, (title, text) in texts.items()
        if len(tables[name])
    ]


def _difference_tables(name: str, table: pd.DataFrame) -> tuple[ReportTable, ...]:
    caption = (
        "Loss of the row minus loss of the one it is compared with, averaged over severities; below 0 it loses less."
    )
    return (ReportTable(name, caption, table),)


def _difference_figures(name: str, table: pd.DataFrame) -> tuple[ReportFigure, ...]:
    drawn = pd.DataFrame(
        {
            "label": table["corruption"],
            "group": table["model"] + " minus " + table["compared_with"],
            "value": table["relative_drop_difference"],
            "low": table["relative_drop_difference_low"],
            "high": table["relative_drop_difference_high"],
        }
    ).sort_values("group", kind="stable")
    draw = partial(forest_plot, x_label="difference of relative drops; left of 0: loses less")
    return (ReportFigure(f"{name}_forest", "Differences of the mean relative drop, 95 % intervals.", drawn, draw),)


def _group_sections(results: RobustnessResults, scores: pd.DataFrame) -> list[ReportSection]:
    groups: dict[str, list[str]] = {}
    for name in results.protocol.families:
        groups.setdefault(CORRUPTIONS[name].group, []).append(name)
    floors = [name for name in results.models if results.protocol.models[name] == "floor"]
    styles = line_styles(results.models, floors)
    views = {view: scores[scores["model"].isin([*rows, *floors])] for view, rows in _views(results, floors).items()}
    return [
        ReportSection(
            group[:1].upper() + group[1:],
            "",
            tuple(_auroc_table(name, scores) for name in families),
            tuple(figure for view, part in views.items() for figure in _figures(group, families, view, part, styles)),
        )
        for group, families in groups.items()
    ]


def _views(results: RobustnessResults, floors: Sequence[str]) -> dict[str, list[str]]:
    """Rows that share a figure, as all in one could not be told apart; floors are added to both."""
    frozen = [name for name in results.models if name.endswith("frozen probe")]
    trained = [name for name in results.models if name not in {*frozen, *floors}]
    return {view: rows for view, rows in {"frozen": frozen, "trained": trained}.items() if rows}


def _auroc_table(family: str, scores: pd.DataFrame) -> ReportTable:
    """Models as rows, severities as columns."""
    kind = CORRUPTIONS[family]
    here = scores[scores["corruption"].isin([CLEAN.family, family])]
    rows: list[dict[str, object]] = []
    for model, part in here.groupby("model", sort=False):
        row: dict[str, object] = {"model": model}
        for one in part.to_dict("records"):
            column = _severity(one["severity"])
            row |= {column: one["auroc"], f"{column}_low": one["auroc_low"], f"{column}_high": one["auroc_high"]}
        rows.append(row | {"cell": ";".join(part["cell"])})
    return ReportTable(family, f"AUROC under {kind.title}; columns: {kind.axis}.", pd.DataFrame(rows))


def _severity(severity: object) -> str:
    if isinstance(severity, str):
        return severity.replace("_", " ") or CLEAN.name
    return f"{severity:g}"


def _figures(
    group: str, families: Sequence[str], view: str, scores: pd.DataFrame, styles: Mapping[str, LineStyle]
) -> list[ReportFigure]:
    """One figure per set of severities: curves where they are several numbers, bars where they are names."""
    by_severities: dict[tuple[object, ...], list[str]] = {}
    for name in families:
        by_severities.setdefault(CORRUPTIONS[name].severities, []).append(name)
    figures = []
    for number, (severities, names) in enumerate(by_severities.items(), 1):
        axis, titles = CORRUPTIONS[names[0]].axis, "; ".join(CORRUPTIONS[name].title for name in names)
        is_curve = len(severities) > 1 and not isinstance(severities[0], str)
        figures.append(
            ReportFigure(
                f"{group.replace(' ', '-')}-{number}-{view}",
                f"AUROC under {titles}, {view} rows and floors, with 95 % intervals.",
                pd.concat([_drawn(name, scores) for name in names], ignore_index=True),
                _curves(severities, axis, styles) if is_curve else _bars(axis, styles),
                panel="panel" if len(names) > 1 else "",
            )
        )
    return figures


def _drawn(family: str, scores: pd.DataFrame) -> pd.DataFrame:
    here = scores[scores["corruption"].isin([CLEAN.family, family])]
    places = {"": 0} | {severity: place for place, severity in enumerate(CORRUPTIONS[family].severities, 1)}
    return pd.DataFrame(
        {
            "panel": CORRUPTIONS[family].title,
            "x": [float(places[severity]) for severity in here["severity"]],
            "group": here["severity"].map(_severity),
            "series": here["model"],
            "value": here["auroc"],
            "low": here["auroc_low"],
            "high": here["auroc_high"],
            "cell": here["cell"],
        }
    )


def _curves(severities: Sequence[object], axis: str, styles: Mapping[str, LineStyle]) -> Draw:
    ticks = {float(place): _severity(severity) for place, severity in enumerate(("", *severities))}
    return partial(curve_with_intervals, x_label=axis, y_label="AUROC", tick_labels=ticks, styles=styles)


def _bars(axis: str, styles: Mapping[str, LineStyle]) -> Draw:
    return partial(grouped_bars, x_label=axis, y_label="AUROC", bottom=0.5, styles=styles)
