"""An evaluation as text for a terminal."""

from __future__ import annotations

from ssrl_ecg.evaluation.evaluate import Evaluation
from ssrl_ecg.metrics.bootstrap import Interval
from ssrl_ecg.metrics.multilabel import MultilabelReport

_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "accuracy",
}


def evaluation_table(evaluation: Evaluation) -> str:
    """Lay out means with intervals, one line per class, calibration, and what has to be known of the numbers."""
    report = evaluation.report
    left_out = f"; {evaluation.n_without_label} without a label left out" if evaluation.n_without_label else ""
    level = next(iter(evaluation.intervals.values())).macro.level
    several = len(evaluation.folds) > 1
    lines = [
        f"label set {evaluation.label_set}, fold{'s' * several} {', '.join(map(str, evaluation.folds))}: "
        f"{report.n_records} recordings of {evaluation.n_patients} patients{left_out}",
        "",
        f"{'mean over folds' if several else 'mean over classes':<20}{'value':>7}   {level:.0%} interval",
        *(f"{_TITLES[metric]:<20}{_interval(one.macro)}" for metric, one in evaluation.intervals.items()),
        "",
        *_class_lines(evaluation),
        "",
        "calibration, mean over classes: "
        + ", ".join(
            f"{name.replace('_', ' ')} {_number(value)}" for name, value in evaluation.calibration.macro.items()
        ),
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in _notes(evaluation))])


def _class_lines(evaluation: Evaluation) -> list[str]:
    report = evaluation.report
    shown = list(report.per_class)
    has_thresholds = isinstance(report, MultilabelReport)
    width = max(10, *(len(name) + 2 for name in report.n_positives))
    headings = ["positives", *(["threshold"] if has_thresholds else []), *(_TITLES[metric] for metric in shown)]
    lines = [f"{'class':<{width}}" + "".join(f"{heading:>12}" for heading in headings)]
    for name, n_positives in report.n_positives.items():
        thresholds = [report.thresholds[name]] if isinstance(report, MultilabelReport) else []
        values = [*thresholds, *(report.per_class[metric][name] for metric in shown)]
        lines.append(f"{name:<{width}}{n_positives:>12}" + "".join(f"{_number(value):>12}" for value in values))
    return lines


def _notes(evaluation: Evaluation) -> list[str]:
    """Notes of all intervals, each once, and classes that have no value."""
    notes = [
        f"{_TITLES[metric]} is undefined for {', '.join(names)}"
        for metric, names in evaluation.report.undefined.items()
    ]
    notes += [note for one in evaluation.intervals.values() for note in one.sampling.notes]
    return list(dict.fromkeys(notes))


def _interval(interval: Interval) -> str:
    return f"{_number(interval.estimate):>7}   {_number(interval.low)} to {_number(interval.high)}"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
