"""One classifier on held-out records: metrics at its own thresholds, calibration, and intervals over patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from tqdm import tqdm

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import BootstrapResult, stratified_bootstrap
from ssrl_ecg.metrics.calibration import CalibrationReport, calibration_report, probabilities_from_logits
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.metrics.multilabel import (
    MultilabelReport,
    SingleLabelReport,
    Statistic,
    auroc,
    average_precision,
    decide,
    multilabel_report,
    single_label_report,
    threshold_statistic,
)
from ssrl_ecg.metrics.plain import Report
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores
from ssrl_ecg.metrics.thresholds import DEFAULT_THRESHOLD
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint
from ssrl_ecg.training.embed import predict_logits

THRESHOLD_INTERVALS = ("f1", "sensitivity", "specificity", "ppv", "npv")
"""Metrics at thresholds that get an interval."""

_CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class Evaluation(Report):
    """What a classifier is worth on some records.

    Attributes:
        task: "multilabel", "binary" or "single".
        label_set: name of the targets.
        folds: the records' folds, ascending.
        n_patients: patients of the evaluated records.
        n_without_label: records that were asked for and left out because they have no label.
        report: point values of all records together; of a single-label task with accuracy.
        intervals: metric -> its mean over the folds, with a percentile interval over patients drawn within folds.
            Metrics are ``auroc``, ``auprc`` and ``THRESHOLD_INTERVALS``; of a single-label task ``auroc``,
            ``sensitivity`` (its macro is the balanced accuracy) and ``accuracy``.
        calibration: of the probabilities, for a single-label task one class against the rest.
    """

    task: str
    label_set: str
    folds: tuple[int, ...]
    n_patients: int
    n_without_label: int
    report: MultilabelReport | SingleLabelReport
    intervals: dict[str, BootstrapResult]
    calibration: CalibrationReport


def evaluate_model(
    checkpoint: ClassifierCheckpoint,
    store: RecordStore,
    rows: ArrayLike,
    labels: Labels | None = None,
    *,
    generator: np.random.Generator,
    n_replicates: int = 1000,
    batch_size: int = 64,
    progress: bool = False,
) -> Evaluation:
    """Score whole records, averaging over windows, and measure.

    Classes without positives or negatives among the records have no AUROC and the like: they are in no mean, and named
    in the reports.

    Args:
        checkpoint: the classifier; its thresholds come from validation records (0.5 where it has none).
        store: the records, at the checkpoint's rate.
        rows: (n,) rows to judge it on; those without a label are left out and counted.
        labels: targets of every row of the store; None takes the store's set of the checkpoint's name.
        generator: of the bootstrap.
        n_replicates: bootstrap replicates, at least 2.
        batch_size: records scored at a time.
        progress: whether to show a bar.

    Raises:
        InputError: a store of another rate or other leads, other classes, no labelled record, a patient in two folds.
    """
    targets = _fitting_labels(checkpoint, store, labels)
    wanted = np.asarray(rows, dtype=np.int64)
    known = wanted[targets.known[wanted]]
    if not len(known):
        raise InputError("no labelled records to evaluate on", field=targets.name, expected="at least 1", found=0)
    logits = np.concatenate(
        [
            predict_logits(checkpoint.classifier, checkpoint.preprocessing, store, chunk, batch_size=batch_size)
            for chunk in tqdm(_chunks(known), desc="scoring", disable=not progress)
        ]
    )
    table = store.records.iloc[known]
    records = EvaluatedRecords(
        targets.values[known], table["patient_id"].to_numpy(), table["fold"].to_numpy(), targets.classes
    )
    measure = _measure_single if targets.task == "single" else _measure_multilabel
    return Evaluation(
        task=targets.task,
        label_set=targets.name,
        folds=tuple(sorted(table["fold"].unique().tolist())),
        n_patients=int(table["patient_id"].nunique()),
        n_without_label=len(wanted) - len(known),
        **measure(checkpoint, records, logits, generator, n_replicates),
    )


def _fitting_labels(checkpoint: ClassifierCheckpoint, store: RecordStore, labels: Labels | None) -> Labels:
    """Return the targets, if store and targets are what the classifier was made for."""
    facts, wanted = store.facts, checkpoint.preprocessing
    if (facts.sampling_rate_hz, tuple(facts.leads)) != (wanted.sampling_rate_hz, tuple(wanted.leads)):
        raise InputError(
            "the store does not hold what the classifier expects",
            file=store.path,
            expected=f"{wanted.sampling_rate_hz:g} Hz, {', '.join(wanted.leads)}",
            found=f"{facts.sampling_rate_hz:g} Hz, {', '.join(facts.leads)}",
        )
    targets = store.labels(checkpoint.label_set) if labels is None else labels
    if (targets.classes, targets.task) != (checkpoint.classes, checkpoint.task):
        raise InputError(
            "the classifier was trained for other classes",
            field=targets.name,
            expected=f"{checkpoint.task}: {', '.join(checkpoint.classes)}",
            found=f"{targets.task}: {', '.join(targets.classes)}",
        )
    return targets


def _chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def _measure_multilabel(
    checkpoint: ClassifierCheckpoint,
    records: EvaluatedRecords,
    logits: NDArray[np.float32],
    generator: np.random.Generator,
    n_replicates: int,
) -> dict[str, Any]:
    probabilities = probabilities_from_logits(logits)
    thresholds = checkpoint.thresholds or (DEFAULT_THRESHOLD,) * len(records.classes)
    decisions = decide(probabilities, thresholds)
    statistics: dict[str, tuple[Statistic, ArrayLike]] = {
        "auroc": (auroc, probabilities),
        "auprc": (average_precision, probabilities),
        **{metric: (threshold_statistic(metric), decisions) for metric in THRESHOLD_INTERVALS},
    }
    return {
        "report": multilabel_report(records.targets, probabilities, thresholds, records.classes),
        "intervals": _intervals(records, statistics, generator, n_replicates),
        "calibration": calibration_report(records.targets, probabilities, records.classes),
    }


def _measure_single(
    checkpoint: ClassifierCheckpoint,
    records: EvaluatedRecords,
    logits: NDArray[np.float32],
    generator: np.random.Generator,
    n_replicates: int,
) -> dict[str, Any]:
    probabilities: FloatArray = softmax(logits.astype(np.float64), axis=1)
    called = np.eye(len(records.classes), dtype=np.uint8)[probabilities.argmax(axis=1)]
    intervals = _intervals(
        records,
        {"auroc": (auroc, probabilities), "sensitivity": (threshold_statistic("sensitivity"), called)},
        generator,
        n_replicates,
    )
    right = (records.targets * called).sum(axis=1, keepdims=True)
    outcomes = EvaluatedRecords(right, records.patients, records.folds, ("right decisions",))
    share_right = {"accuracy": (threshold_statistic("accuracy"), np.ones_like(right))}
    return {
        "report": single_label_report(records.targets, probabilities, records.classes),
        "intervals": intervals | _intervals(outcomes, share_right, generator, n_replicates),
        "calibration": calibration_report(records.targets, probabilities, records.classes),
    }


def _intervals(
    records: EvaluatedRecords,
    statistics: dict[str, tuple[Statistic, ArrayLike]],
    generator: np.random.Generator,
    n_replicates: int,
) -> dict[str, BootstrapResult]:
    return {
        metric: stratified_bootstrap(
            records, ModelScores(scores), generator=generator, statistic=statistic, n_replicates=n_replicates
        )
        for metric, (statistic, scores) in statistics.items()
    }
