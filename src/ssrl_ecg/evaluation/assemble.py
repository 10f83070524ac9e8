"""The report of a label-fraction experiment: stored scores, pretraining histories and test records on one page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from ssrl_ecg.data.description import DataDescription
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation import report_data as report
from ssrl_ecg.evaluation.cells import describe_failures
from ssrl_ecg.evaluation.report_scores import Row
from ssrl_ecg.evaluation.summary import (
    CellResult,
    Decisions,
    ResultsFolder,
    default_pairs,
    make_comparisons,
    make_fold_scores,
    make_rows,
)
from ssrl_ecg.evaluation.tables import counted
from ssrl_ecg.files import jsonable
from ssrl_ecg.metrics.calibration import probabilities_from_logits, reliability_curve
from ssrl_ecg.metrics.selective import RiskCoverage, risk_coverage
from ssrl_ecg.training.run import without_folders

_CURVE_POINTS = 80
_N_EXAMPLES = 4


def make_report(
    folder: Path,
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    *,
    title: str,
    about: DataDescription,
    run: Mapping[str, Any],
    notes: Sequence[str] = (),
    n_replicates: int = 1000,
) -> report.ReportData:
    """Build everything the page says from a finished results folder.

    Args:
        folder: results folder of ``prepare_experiment``.
        store: the records, for facts and the drawn examples.
        labels: targets of every row.
        splits: the splits of the experiment.
        title: heading.
        about: what the recordings are.
        run: the run record so far, or ``run.json`` of a finished run; paths lose their folders as they do there.
        notes: further caveats.
        n_replicates: bootstrap replicates of every interval.
    """
    results = ResultsFolder(folder)
    rows = make_rows(results, n_replicates=n_replicates)
    comparisons = make_comparisons(results, default_pairs(results.arms.values()), n_replicates=n_replicates)
    return report.ReportData(
        title=title,
        kind=about.kind,
        data_statement=about.statement,
        interval_statement=(
            f"95 % intervals: {n_replicates} bootstrap replicates that resample patients within each test fold and, "
            "where there are several, label subsets or seeds. AUROC is taken per test fold, then averaged. "
            "Differences are paired on the same resamples; p values are corrected together by Holm's rule."
        ),
        run=_run_facts(run),
        data=_data_facts(store, labels, splits, about),
        rows=tuple(rows),
        comparisons=tuple(comparisons),
        curves=tuple(make_curves(results, fraction) for fraction in sorted({row.label_fraction for row in rows})),
        training=(*_pretraining_curves(folder), *_classifier_curves(results)),
        examples=tuple(_examples(results, rows, store)),
        notes=(*notes, *describe_failures(results.failures)),
        track="validation fold" if results.has_validation else "no validation",
        groups=tuple(make_fold_scores(results, n_replicates=n_replicates)),
    )


def _run_facts(run: Mapping[str, Any]) -> report.RunFacts:
    """Facts of a run; one that is still going on has lasted from its start until now."""
    since_start = datetime.now(UTC) - datetime.fromisoformat(run["started"])
    return report.RunFacts(
        command=" ".join(without_folders(list(run["command"]))),
        config=without_folders(jsonable(run["config"])),
        **{name: run[name] for name in ("seed", "commit", "versions", "machine", "started")},
        wall_time_s=run.get("wall_time_s", since_start.total_seconds()),
    )


def _data_facts(
    store: RecordStore, labels: Labels, splits: Sequence[Split], about: DataDescription
) -> report.DataFacts:
    parts = {
        "training": splits[0].train,
        "validation": np.unique(np.concatenate([split.validation for split in splits])),
        "test": np.unique(np.concatenate([split.test for split in splits])),
    }
    taken = {part: labels.take(rows) for part, rows in parts.items() if len(rows)}
    return report.DataFacts(
        name=about.name,
        n_records=len(store),
        n_patients=int(store.records["patient_id"].nunique()),
        n_rejected=store.facts.n_rejected,
        split_sizes={part: len(one) for part, one in taken.items()},
        class_counts={part: one.counts() for part, one in taken.items()},
        classes_without_positives={part: one.empty_classes for part, one in taken.items() if one.empty_classes},
        fingerprint=store.facts.fingerprint,
        attribution=about.attribution,
    )


def _thinned(x: np.ndarray, y: np.ndarray) -> report.XY:
    """At most ``_CURVE_POINTS`` points, ends included, three decimals."""
    keep = np.unique(np.linspace(0, len(x) - 1, _CURVE_POINTS).round().astype(int))
    return tuple(np.round(x[keep], 3).tolist()), tuple(np.round(y[keep], 3).tolist())


def _class_curves(
    targets: np.ndarray, cell: CellResult, gives_probabilities: bool, classes: Sequence[str]
) -> Iterator[tuple[str, str, report.XY]]:
    for column, name in enumerate(classes):
        target, score = targets[:, column], cell.scores[:, column]
        if target.min() == target.max():
            continue
        false_positive, true_positive, _ = roc_curve(target, score)
        yield "roc", name, _thinned(false_positive, true_positive)
        precision, recall, _ = precision_recall_curve(target, score)
        yield "pr", name, _thinned(recall[::-1], precision[::-1])
        if gives_probabilities:
            curve = reliability_curve(target, probabilities_from_logits(score))
            yield "reliability", name, _thinned(curve.predicted, curve.observed)


def _risk_coverage(
    targets: np.ndarray, decisions: Decisions, scores: np.ndarray, classes: Sequence[str]
) -> dict[str, RiskCoverage]:
    """Risk and coverage of each class with both answers; the surest log-odds are the furthest from their threshold."""
    wrong, distance = decisions.values != targets, np.abs(scores - decisions.thresholds)
    return {
        name: risk_coverage(wrong[:, column], distance[:, column])
        for column, name in enumerate(classes)
        if targets[:, column].min() < targets[:, column].max()
    }


def make_curves(results: ResultsFolder, fraction: float, arms: Collection[str] | None = None) -> report.Curves:
    """Make the curves of each arm's first label subset at one fraction, test folds pooled.

    Reliability and risk-coverage curves need probabilities and validation records, on which thresholds were found.

    Args:
        results: a finished results folder.
        fraction: label fraction; arms without a cell there have no curves.
        arms: names of those to make curves of; None for all.
    """
    targets, classes = results.records.targets, results.classes
    found: dict[str, dict[str, dict[str, report.XY]]] = {"roc": {}, "pr": {}, "reliability": {}, "risk_coverage": {}}
    risk_area: dict[str, dict[str, float]] = {}
    for arm in results.arms.values():
        if (arms is not None and arm.name not in arms) or not (cells := results.cells(arm.name, fraction)):
            continue
        gives_probabilities = arm.gives_logits and results.task != "single" and results.has_validation
        for kind, name, points in _class_curves(targets, cells[0], gives_probabilities, classes):
            found[kind].setdefault(arm.name, {})[name] = points
        if gives_probabilities and cells[0].decisions is not None:
            selective = _risk_coverage(targets, cells[0].decisions, cells[0].scores, classes)
            found["risk_coverage"][arm.name] = {
                name: _thinned(one.coverage, one.risk) for name, one in selective.items()
            }
            risk_area[arm.name] = {name: one.area for name, one in selective.items()}
    return report.Curves(label_fraction=fraction, risk_area=risk_area, **found)


def _pretraining_curves(folder: Path) -> Iterator[report.TrainingCurve]:
    for path in sorted((folder / "pretraining").glob("*.json")):
        history = json.loads(path.read_text(encoding="utf-8"))["history"]
        names = [name for name in dict.fromkeys(name for row in history for name in row) if name != "epoch"]
        yield report.TrainingCurve(
            name=f"pretraining {path.stem}",
            series={name: tuple(row.get(name, float("nan")) for row in history) for name in names},
        )


def _classifier_curves(results: ResultsFolder) -> Iterator[report.TrainingCurve]:
    """What was logged while each row's first label subset was trained on."""
    for fraction, arm in results.pairs():
        if history := results.history(arm, fraction):
            names = [name for name in dict.fromkeys(name for row in history for name in row) if name != "epoch"]
            yield report.TrainingCurve(
                name=f"{arm} on {100 * fraction:.3g} % of the labels, first subset",
                x="look at the validation records" if results.has_validation else "look",
                series={_series(name): tuple(row.get(name, float("nan")) for row in history) for name in names},
            )


def _series(logged: str) -> str:
    """Name a classifier's series such that those that belong together share a plot."""
    name, _, split = logged.partition("auroc_")
    if not name:
        return f"validation AUROC/split {int(split) + 1}"
    return {"loss": "loss/training", "validation_loss": "loss/validation"}.get(logged, logged)


def _examples(results: ResultsFolder, rows: Sequence[Row], store: RecordStore) -> Iterator[report.Example]:
    """Test records seen by the best method row: the surest right answer, the surest wrong one, and typical ones.

    There are none without decisions, that is without validation records.
    """
    methods = [row for row in rows if row.family == "method"]
    if not methods or results.task == "single":
        return
    best = max(methods, key=lambda row: (row.label_fraction, row.macro_auroc))
    cell, targets = results.cells(best.name, best.label_fraction)[0], results.records.targets
    if cell.decisions is None:
        return
    probabilities = probabilities_from_logits(cell.scores)
    cuts = probabilities_from_logits(cell.decisions.thresholds)
    wrong = (cell.decisions.values != targets).sum(axis=1)
    surprise = np.abs(probabilities - targets).max(axis=1)
    order = np.argsort(surprise, kind="stable")
    right = [row for row in order if wrong[row] == 0 and targets[row].any()]
    chosen = (
        {right[0]: "the surest right answer", order[-1]: "the surest wrong answer"}
        if right
        else {order[-1]: "the surest wrong answer"}
    )
    abnormal = [row for row in right if not targets[row, 0]][: _N_EXAMPLES - 2]
    chosen |= {
        row: "right, and among the surest of records without the first class" for row in abnormal if row not in chosen
    }
    row_of = {record: row for row, record in enumerate(store.records["record_id"])}
    for position, note in chosen.items():
        record = results.record_ids[position]
        yield report.Example(
            record_id=record,
            predicted_by=f"{best.name}, {counted(best.n_labels, 'label')}",
            sampling_rate_hz=store.facts.sampling_rate_hz,
            true_labels=tuple(
                name for name, present in zip(results.classes, targets[position], strict=True) if present
            ),
            probabilities=dict(zip(results.classes, probabilities[position].tolist(), strict=True)),
            thresholds=dict(zip(results.classes, cuts[position].tolist(), strict=True)),
            note=note,
            signal_mv=store.read_mv(np.array([row_of[record]]))[0],
        )
