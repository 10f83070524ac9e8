"""The report's tables: from the dataclasses to cells of text, with a reason for every number that is not there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from ssrl_ecg.evaluation.cells import group_folder
from ssrl_ecg.evaluation.report_data import TEST_PART, Curves, DataFacts, ReportData
from ssrl_ecg.evaluation.report_scores import ClassScore, Comparison, GroupScore, Row
from ssrl_ecg.evaluation.tables import (
    Cell,
    Group,
    Table,
    counted,
    estimate,
    interval,
    number,
    p_value,
    percent,
    score_cell,
    signed,
)

FAMILY_NAMES = {
    "method": "Self-supervised pretraining, then labels",
    "supervised": "Supervised from scratch",
    "floor": "Floors: what needs no learned representation",
}
RARE_POSITIVES = 10
_SCORES = {
    "auprc": "AUPRC",
    "f1": "F1",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "brier": "Brier",
    "ece": "ECE",
    "calibration_slope": "Slope",
    "calibration_intercept": "Intercept",
}


def difference_text(comparison: Comparison) -> str:
    """Signed difference with its signed interval."""
    return estimate(comparison.difference, comparison.lo, comparison.hi, signed)


def amount(data: ReportData, fraction: float) -> str:
    """How many labels, such as "149 labels (10 %)"; a range where rows differ."""
    counts = sorted({row.n_labels for row in data.at(fraction).values()})
    shown = counted(counts[-1], "label") if len(counts) == 1 else f"{counts[0]:,}–{counted(counts[-1], 'label')}"
    return f"{shown} ({percent(fraction)})" if fraction else shown


def main_table(data: ReportData) -> Table:
    """Macro AUROC with interval, repetitions and distance to the best floor: rows by label fractions."""
    columns = [amount(data, fraction) for fraction in data.fractions]
    table = Table("Macro AUROC on test records, by number of training labels", ("Row", *columns, "Cells"))
    best = {
        fraction: max(
            (row.macro_auroc for row in data.at(fraction).values() if not math.isnan(row.macro_auroc)), default=math.nan
        )
        for fraction in data.fractions
    }

    def cell(name: str, fraction: float) -> Cell:
        row = data.at(fraction).get(name)
        if row is None:
            return table.missing("this row was not run with this number of labels")
        repeats = f"{counted(row.n_subsets, 'subset')} × {counted(row.n_seeds, 'seed')}"
        if math.isnan(row.macro_auroc):
            return table.missing(_reason(row, "macro_auroc"))
        floor = data.best_floor(fraction)
        over = f"; floor {signed(row.macro_auroc - floor.macro_auroc)}" if floor and row.family != "floor" else ""
        text = f"{number(row.macro_auroc)} {interval(*row.interval)}".rstrip()
        return Cell(text, detail=repeats + over, strong=row.macro_auroc == best[fraction], value=row.macro_auroc)

    def cells(name: str) -> tuple[Cell, ...]:
        files = Cell("files", sources=(f"{group_folder(Path(), name).as_posix()}/*.npz",))
        return (*(cell(name, fraction) for fraction in data.fractions), files)

    table.groups = _by_family(data, cells)
    return table


def score_table(data: ReportData) -> Table:
    """All other macro-averaged scores: one group per label fraction."""
    table = Table("Other scores, averaged over classes", ("Row", *_SCORES.values()))
    groups = []
    for fraction in data.fractions:
        rows = data.at(fraction).values()
        lines = tuple((row.name, tuple(_score_cell(table, row, name) for name in _SCORES)) for row in rows)
        groups.append(Group(amount(data, fraction), lines))
    table.groups = tuple(groups)
    return table


def fold_table(data: ReportData) -> Table | None:
    """Macro AUROC of every test fold apart; None if no row was tested on more than one fold."""
    folds = sorted({fold for row in data.rows for fold in row.per_fold})
    if len(folds) < 2:
        return None
    table = Table("Macro AUROC of each test fold", ("Row", *(f"Fold {fold}" for fold in folds)))

    def cells(row: Row) -> tuple[Cell, ...]:
        values = [row.per_fold.get(fold, math.nan) for fold in folds]
        absent = "this row has no defined AUROC on this fold"
        return tuple(table.missing(absent) if math.isnan(value) else score_cell(value) for value in values)

    table.groups = tuple(
        Group(amount(data, fraction), tuple((row.name, cells(row)) for row in data.at(fraction).values()))
        for fraction in data.fractions
    )
    return table


def group_tables(data: ReportData) -> list[Table]:
    """Macro AUROC with interval on parts of the test records: one table per characteristic, its groups by columns."""
    characteristics = dict.fromkeys(one.characteristic for one in data.groups)
    return [_group_table(data, characteristic) for characteristic in characteristics]


def _group_table(data: ReportData, characteristic: str) -> Table:
    scores = {
        (one.name, one.label_fraction, one.group): one for one in data.groups if one.characteristic == characteristic
    }
    sizes = {one.group: one.n_records for one in scores.values()}
    headers = (f"{characteristic} {group} ({counted(size, 'record')})" for group, size in sizes.items())
    table = Table(f"Macro AUROC by {characteristic}", ("Row", *headers))
    table.groups = tuple(
        Group(
            amount(data, fraction),
            tuple(
                (name, tuple(_group_cell(table, scores.get((name, fraction, group))) for group in sizes))
                for name in data.at(fraction)
                if any((name, fraction, group) in scores for group in sizes)
            ),
        )
        for fraction in data.fractions
        if any(fraction == judged for _, judged, _ in scores)
    )
    return table


def _group_cell(table: Table, score: GroupScore | None) -> Cell:
    if score is None:
        return table.missing("not judged apart")
    unclaimed = [name for name, one in score.per_class.items() if math.isnan(one.auroc)]
    if math.isnan(score.macro_auroc):
        return table.missing("too few positive or negative records of every class to claim anything")
    counts = ", ".join(f"{name} {score.per_class[name].n_positives}" for name in unclaimed)
    mark = table.mark(f"without classes with too few records to claim anything ({counts})") if unclaimed else ""
    return Cell(number(score.macro_auroc), interval(*score.interval), mark, value=score.macro_auroc)


def class_table(data: ReportData, fraction: float) -> Table:
    """AUROC of every class with interval at one label fraction: classes by rows, floors included."""
    rows = list(data.at(fraction).values())
    caption = f"AUROC of each class with {amount(data, fraction)}"
    table = Table(caption, ("Class (test positives)", *(row.name for row in rows)))
    classes = dict.fromkeys(name for row in rows for name in row.per_class)
    lines = []
    for name in classes:
        n_positives = max(row.per_class[name].n_positives for row in rows if name in row.per_class)
        header = f"{name} ({n_positives:,})"
        lines.append((header, tuple(_class_cell(table, row.per_class.get(name)) for row in rows)))
    table.groups = (Group("", tuple(lines)),)
    return table


def risk_table(data: ReportData, curves: Curves) -> Table:
    """Area under the risk-coverage curve of every class: rows by classes."""
    classes = list(dict.fromkeys(name for areas in curves.risk_area.values() for name in areas))
    caption = f"Area under the risk-coverage curve with {amount(data, curves.label_fraction)}"
    table = Table(caption, ("Row", *classes))

    def cells(areas: Mapping[str, float]) -> tuple[Cell, ...]:
        absent = "undefined: one class only"
        return tuple(score_cell(areas[name]) if name in areas else table.missing(absent) for name in classes)

    table.groups = (Group("", tuple((row, cells(areas)) for row, areas in curves.risk_area.items())),)
    return table


def comparison_table(data: ReportData) -> Table | None:
    """Paired differences with interval, p values and verdict; None if nothing was compared."""
    if not data.comparisons:
        return None
    columns = ("Compared", "Difference in macro AUROC", "p", "p (Holm)", "Verdict on the first")
    table = Table("Paired differences, first minus second", columns)
    groups = []
    for fraction in sorted({comparison.label_fraction for comparison in data.comparisons}):
        compared = [comparison for comparison in data.comparisons if comparison.label_fraction == fraction]
        lines = tuple((f"{one.a} against {one.b}", _comparison_cells(table, one)) for one in compared)
        groups.append(Group(amount(data, fraction), lines))
    table.groups = tuple(groups)
    return table


def data_table(facts: DataFacts) -> Table:
    """Records and positives of each class in every part of the data."""
    classes = list(dict.fromkeys(name for counts in facts.class_counts.values() for name in counts))
    table = Table("Records, and positive records of each class", ("Part", "Records", *classes))

    def positives(part: str, name: str) -> Cell:
        count = facts.class_counts.get(part, {}).get(name)
        if count is None:
            return table.missing("not counted for this part")
        without = count == 0 or name in facts.classes_without_positives.get(part, ())
        undefined = "; its AUROC is undefined and left out of the macro average" if part == TEST_PART else ""
        return Cell(
            f"{count:,}", value=count, mark=table.mark(f"no positive record in this part{undefined}") if without else ""
        )

    lines = tuple(
        (part, (Cell(f"{size:,}", value=size), *(positives(part, name) for name in classes)))
        for part, size in facts.split_sizes.items()
    )
    table.groups = (Group("", lines),)
    return table


def _by_family(data: ReportData, cells: Callable[[str], tuple[Cell, ...]]) -> tuple[Group, ...]:
    families = {row.name: row.family for row in data.rows}
    return tuple(
        Group(heading, tuple((name, cells(name)) for name in data.row_names if families[name] == family))
        for family, heading in FAMILY_NAMES.items()
        if family in families.values()
    )


def _comparison_cells(table: Table, one: Comparison) -> tuple[Cell, ...]:
    verdict = Cell(one.verdict, strong=one.verdict in ("better", "worse"))
    if any(math.isnan(value) for value in (one.difference, one.lo, one.hi, one.p)):
        missing = table.missing("undefined: one of the two rows has no macro AUROC, in the data or in some resamples")
        return (missing, missing, missing, verdict)
    alone = "not corrected for the number of comparisons"
    p_holm = table.missing(alone) if math.isnan(one.p_holm) else Cell(p_value(one.p_holm), value=one.p_holm)
    return (Cell(difference_text(one), value=one.difference), Cell(p_value(one.p), value=one.p), p_holm, verdict)


def _score_cell(table: Table, row: Row, name: str) -> Cell:
    value: float = getattr(row, name)
    return table.missing(_reason(row, name)) if math.isnan(value) else score_cell(value)


def _class_cell(table: Table, score: ClassScore | None) -> Cell:
    if score is None:
        return table.missing("this row was not tested on this class")
    if math.isnan(score.auroc):
        only = "no positive" if score.n_positives == 0 else "no negative"
        return table.missing(f"undefined: {only} record of this class in the test part")
    is_rare = score.n_positives < RARE_POSITIVES
    mark = (
        table.mark(f"fewer than {RARE_POSITIVES} positive test records: the interval is not reliable")
        if is_rare
        else ""
    )
    return Cell(number(score.auroc), interval(score.lo, score.hi), mark, value=score.auroc)


def _reason(row: Row, name: str) -> str:
    default = "undefined: no class with both positive and negative test records, or nothing to compute it from"
    return row.undefined.get(name, default)
