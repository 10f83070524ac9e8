"""The report's page: headline, pictures with their descriptions, and one self-contained HTML file around them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssrl_ecg.evaluation import report_tables as tables
from ssrl_ecg.evaluation.ecg_paper import plot_ecg
from ssrl_ecg.evaluation.figure_files import draw_files, in_figures_folder, picture
from ssrl_ecg.evaluation.figures import FigureStyle, figure_bytes
from ssrl_ecg.evaluation.groups import FEWEST
from ssrl_ecg.evaluation.pages import Picture, render, svg_uri
from ssrl_ecg.evaluation.report_data import Example, ReportData
from ssrl_ecg.evaluation.report_figures import report_figures
from ssrl_ecg.evaluation.report_scores import Comparison
from ssrl_ecg.evaluation.report_tables import amount
from ssrl_ecg.evaluation.tables import Cell, Group, Table, counted, interval, number
from ssrl_ecg.files import jsonable
from ssrl_ecg.metrics.comparison import Verdict

_KIND_BADGES = {"synthetic": "Synthetic recordings", "sample": "A sample, not the whole database", "data": "Recordings"}
_TRACKS = {
    "validation fold": "The records of a validation fold, which are many more than the few labels, choose weights, "
    "penalties and thresholds.",
    "no validation": "No validation labels: recipes are fixed, penalties are chosen within the labelled records, "
    "trained networks keep their last weights. Records are ranked only: no thresholds, no calibration.",
}
_MAX_EXAMPLE_CLASSES = 8


@dataclass(frozen=True)
class ExampleView:
    """One example as the page shows it; without a picture if its signal is not at hand."""

    example: Example
    picture: Picture | None
    table: Table


def make_page(data: ReportData, style: FigureStyle = "screen") -> dict[str, bytes]:
    """Draw and render everything: the self-contained page, and its figures as files of their own.

    Args:
        data: what the report says.
        style: "publication" for figures that can go into a journal.

    Returns:
        Path from the report's folder -> content: "report.html" and "figures/NAME.png", ".svg" and ".csv".
    """
    figures = report_figures(data)
    drawn = {figure.name: draw_files(figure, style) for part in figures.values() for figure in part}
    pictures = {part: [picture(figure, drawn[figure.name]) for figure in shown] for part, shown in figures.items()}
    return in_figures_folder(drawn) | {"report.html": _render_page(data, pictures).encode()}


def _render_page(data: ReportData, pictures: Mapping[str, Sequence[Picture]]) -> str:
    return render(
        "comparison_report.html.j2",
        title=data.title,
        data=data,
        badge=_KIND_BADGES[data.kind],
        headline=headline(data),
        findings=findings(data),
        pictures=pictures,
        main_table=tables.main_table(data),
        comparison_table=tables.comparison_table(data),
        score_table=tables.score_table(data),
        fold_table=tables.fold_table(data),
        track=_TRACKS[data.track],
        group_tables=tables.group_tables(data),
        fewest=FEWEST,
        class_tables=[tables.class_table(data, fraction) for fraction in data.fractions],
        risk_tables=[tables.risk_table(data, curves) for curves in data.curves if curves.risk_area],
        examples=[_example_view(data, example) for example in data.examples],
        data_table=tables.data_table(data.data),
        duration=duration(data.run.wall_time_s),
        config=json.dumps(jsonable(data.run.config), indent=2, ensure_ascii=False),
    )


def headline(data: ReportData) -> str:
    """One sentence: on what, and which row has the highest macro AUROC at each label fraction."""
    n_records = counted(data.data.n_records, "record")
    scope = {
        "synthetic": f"On simulated ECGs ({data.data.name}, {n_records})",
        "sample": f"On {data.data.name} ({n_records}{'' if 'sample' in data.data.name.lower() else ', a sample'})",
        "data": f"On {data.data.name} ({n_records})",
    }[data.kind]
    parts = []
    for fraction in data.fractions:
        defined = [row for row in data.at(fraction).values() if not math.isnan(row.macro_auroc)]
        if defined:
            best = max(defined, key=lambda row: row.macro_auroc)
            score = f"{number(best.macro_auroc)} {interval(*best.interval)}".rstrip()
            floor = ", a floor" if best.family == "floor" else ""
            parts.append(f"{score} with {amount(data, fraction)} ({best.name}{floor})")
    if not parts:
        return f"{scope}, no row has a defined macro AUROC."
    return f"{scope}, the highest macro AUROC is {_listed(parts)}."


def findings(data: ReportData) -> list[str]:
    """Lines below the headline: self-supervised against supervised rows, and where no row is above the best floor."""
    families = {row.name: row.family for row in data.rows}
    lines: dict[tuple[str, str], list[str]] = {}
    for comparison in sorted(data.comparisons, key=lambda one: one.label_fraction):
        oriented = _method_first(comparison, families)
        if oriented is not None:
            text = f"{oriented.verdict} with {amount(data, oriented.label_fraction)} ({_difference(oriented)})"
            lines.setdefault((oriented.a, oriented.b), []).append(text)
    found = [f"{a} against {b}: {'; '.join(texts)}." for (a, b), texts in lines.items()]
    if not lines and {"method", "supervised"} <= set(families.values()):
        found.append(
            "No paired comparison of self-supervised and supervised rows was made: their differences are untested."
        )
    return found + _floor_findings(data)


def duration(seconds: float) -> str:
    """Words such as "2 h 5 min", "41 min 20 s" or "12 s"; "unknown" for NaN."""
    if math.isnan(seconds):
        return "unknown"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _method_first(comparison: Comparison, families: Mapping[str, str]) -> Comparison | None:
    """The comparison as self-supervised minus supervised; None if it compares something else."""
    pair = (families[comparison.a], families[comparison.b])
    if pair == ("method", "supervised"):
        return comparison
    if pair != ("supervised", "method"):
        return None
    turned: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
    return Comparison(
        a=comparison.b,
        b=comparison.a,
        label_fraction=comparison.label_fraction,
        difference=-comparison.difference,
        lo=-comparison.hi,
        hi=-comparison.lo,
        p=comparison.p,
        p_holm=comparison.p_holm,
        verdict=turned.get(comparison.verdict, comparison.verdict),
    )


def _difference(comparison: Comparison) -> str:
    return "no number" if math.isnan(comparison.difference) else tables.difference_text(comparison)


def _floor_findings(data: ReportData) -> list[str]:
    if not data.floors:
        return ["No floor was run: nothing here says how much a random encoder or fixed features would reach."]
    lines = []
    for fraction in data.fractions:
        floor = data.best_floor(fraction)
        learned = [row.macro_auroc for row in data.at(fraction).values() if row.family != "floor"]
        if floor and learned and not any(value > floor.macro_auroc for value in learned):
            lines.append(
                f"With {amount(data, fraction)} no row is above the floor {floor.name} ({number(floor.macro_auroc)})."
            )
    return lines


def _example_view(data: ReportData, example: Example) -> ExampleView:
    predicted = [name for name, value in example.probabilities.items() if value >= example.thresholds[name]]
    labels, said = ", ".join(example.true_labels) or "none", ", ".join(predicted) or "none"
    picture = None
    if example.signal_mv is not None:
        figure = plot_ecg(example.signal_mv, example.sampling_rate_hz, title=f"Record {example.record_id}")
        alt = f"12-lead ECG of record {example.record_id} on millimetre paper. Labels: {labels}. Predicted: {said}."
        source = "; simulated" if data.kind == "synthetic" else f". {data.data.attribution}".rstrip(". ")
        picture = Picture(svg_uri(figure_bytes(figure, "svg")), alt, f"25 mm/s, 10 mm/mV{source}.")
    return ExampleView(example, picture, _prediction_table(example, set(predicted)))


def _prediction_table(example: Example, predicted: set[str]) -> Table:
    """Classes across, so that a phone shows the five of them below the picture."""
    outcomes = {
        (True, True): Cell("present, found"),
        (True, False): Cell("present, missed", strong=True),
        (False, True): Cell("absent, false alarm", strong=True),
        (False, False): Cell("absent"),
    }
    labels = set(example.true_labels)
    by_interest = sorted(
        example.probabilities, key=lambda name: (name not in labels | predicted, -example.probabilities[name])
    )
    kept = [name for name in example.probabilities if name in by_interest[:_MAX_EXAMPLE_CLASSES]]
    table = Table(f"Predicted by {example.predicted_by}", ("", *kept))
    rows = (
        ("Probability", tuple(Cell(f"{example.probabilities[name]:.2f}") for name in kept)),
        ("Threshold", tuple(Cell(f"{example.thresholds[name]:.2f}") for name in kept)),
        ("Outcome", tuple(outcomes[name in labels, name in predicted] for name in kept)),
    )
    table.groups = (Group("", rows),)
    return table
