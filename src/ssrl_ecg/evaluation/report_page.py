"""The report's page: headline, pictures with their descriptions, and one self-contained HTML file around them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

from matplotlib import rc_context
from matplotlib.figure import Figure

from ssrl_ecg.evaluation import plots
from ssrl_ecg.evaluation import report_tables as tables
from ssrl_ecg.evaluation.ecg_paper import plot_ecg
from ssrl_ecg.evaluation.groups import FEWEST
from ssrl_ecg.evaluation.pages import Picture, render, svg_uri
from ssrl_ecg.evaluation.report_data import TEST_PART, XY, Curves, Example, ReportData
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
_MAX_PANEL_CLASSES, _MAX_EXAMPLE_CLASSES = 6, 8


@dataclass(frozen=True)
class ExampleView:
    """One example as the page shows it; without a picture if its signal is not at hand."""

    example: Example
    picture: Picture | None
    table: Table


def render_page(data: ReportData) -> str:
    """Render the whole report as one HTML page without scripts or anything to load from elsewhere."""
    styles = plots.line_styles(data.row_names, data.floors)
    return render(
        "report.html.j2",
        title=data.title,
        data=data,
        badge=_KIND_BADGES[data.kind],
        headline=headline(data),
        findings=findings(data),
        fraction_picture=_fraction_picture(data, styles),
        main_table=tables.main_table(data),
        comparison_table=tables.comparison_table(data),
        score_table=tables.score_table(data),
        fold_table=tables.fold_table(data),
        track=_TRACKS[data.track],
        group_tables=tables.group_tables(data),
        fewest=FEWEST,
        class_tables=[tables.class_table(data, fraction) for fraction in data.fractions],
        curve_pictures=[picture for curves in data.curves for picture in _curve_pictures(data, curves, styles)],
        training_pictures=_training_pictures(data),
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


def _embed(figure: Figure) -> str:
    """SVG as a data URI; the same figure gives the same bytes."""
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "ssrl_ecg"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return svg_uri(buffer.getvalue())


def _fraction_picture(data: ReportData, styles: Mapping[str, plots.LineStyle]) -> Picture | None:
    if len(data.fractions) < 2:
        return None
    series = []
    for name in data.row_names:
        rows = sorted((row for row in data.rows if row.name == name), key=lambda row: row.label_fraction)
        series.append(
            plots.FractionSeries(
                name=name,
                label_fractions=[row.label_fraction for row in rows],
                values=[row.macro_auroc for row in rows],
                lows=[row.interval[0] for row in rows],
                highs=[row.interval[1] for row in rows],
            )
        )
    n_labels = {fraction: max(row.n_labels for row in data.at(fraction).values()) for fraction in data.fractions}
    told = "; ".join(f"{one.name} {', '.join(number(value) for value in one.values)}" for one in series)
    amounts = ", ".join(amount(data, fraction) for fraction in data.fractions)
    return Picture(
        _embed(plots.label_fraction_curve(series, styles, n_labels)),
        f"Line chart of macro AUROC with {amounts}. {told}. The table below adds the intervals.",
        "Macro AUROC by number of labels. Bars are the intervals of the table; floors are grey and dashed, and a row "
        "without labels is a level line.",
    )


def _curve_pictures(data: ReportData, curves: Curves, styles: Mapping[str, plots.LineStyle]) -> list[Picture]:
    sizes, counts = data.data.split_sizes, data.data.class_counts.get(TEST_PART, {})
    prevalences = {name: count / sizes[TEST_PART] for name, count in counts.items() if sizes.get(TEST_PART)}
    kinds: tuple[tuple[str, Mapping[str, Mapping[str, XY]], Callable[..., Figure], str], ...] = (
        ("ROC curves", curves.roc, plots.roc_panel, "the diagonal is chance"),
        (
            "Precision-recall curves",
            curves.pr,
            lambda shown, styles: plots.pr_panel(shown, styles, prevalences),
            "the horizontal line is the precision of guessing",
        ),
        (
            "Calibration",
            curves.reliability,
            plots.reliability_panel,
            "on the diagonal a predicted probability is what happens",
        ),
    )
    pictures = []
    for name, by_row, draw, chance in kinds:
        shown, left_out = _most_frequent_classes(data, by_row)
        if shown:
            rows = ", ".join(shown)
            caption = f"{name} with {amount(data, curves.label_fraction)}; {chance}.{left_out}"
            pictures.append(
                Picture(
                    _embed(draw(shown, styles)),
                    f"{name} of each class for {rows}. The class tables hold the areas under the ROC curves.",
                    caption,
                )
            )
    return pictures


def _most_frequent_classes(
    data: ReportData, curves: Mapping[str, Mapping[str, XY]]
) -> tuple[dict[str, dict[str, XY]], str]:
    """The curves of at most six classes, those with the most positive test records, and a sentence about the others."""
    positives = {name: score.n_positives for row in data.rows for name, score in row.per_class.items()}
    classes = list(dict.fromkeys(name for by_class in curves.values() for name in by_class))
    kept = sorted(classes, key=lambda name: -positives.get(name, 0))[:_MAX_PANEL_CLASSES]
    shown = {
        row: {name: by_class[name] for name in classes if name in kept and name in by_class}
        for row, by_class in curves.items()
    }
    left_out = (
        f" Shown are the {len(kept)} most frequent of {len(classes)} classes." if len(kept) < len(classes) else ""
    )
    return {row: by_class for row, by_class in shown.items() if by_class}, left_out


def _training_pictures(data: ReportData) -> list[Picture]:
    pictures = []
    for curve in data.training:
        ends = ", ".join(f"{name} {values[-1]:.3g}" for name, values in curve.series.items() if values)
        alt = f"Line charts of what was logged while training {curve.name}. Last values: {ends}."
        pictures.append(Picture(_embed(plots.training_curves(curve.series, curve.x)), alt, curve.name))
    return pictures


def _example_view(data: ReportData, example: Example) -> ExampleView:
    predicted = [name for name, value in example.probabilities.items() if value >= example.thresholds[name]]
    labels, said = ", ".join(example.true_labels) or "none", ", ".join(predicted) or "none"
    picture = None
    if example.signal_mv is not None:
        figure = plot_ecg(example.signal_mv, example.sampling_rate_hz, title=f"Record {example.record_id}")
        alt = f"12-lead ECG of record {example.record_id} on millimetre paper. Labels: {labels}. Predicted: {said}."
        source = "; simulated" if data.kind == "synthetic" else f". {data.data.attribution}".rstrip(". ")
        picture = Picture(_embed(figure), alt, f"25 mm/s, 10 mm/mV{source}.")
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
