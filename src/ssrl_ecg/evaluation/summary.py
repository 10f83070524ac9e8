"""From the stored scores of every cell to the rows, intervals and comparisons of a report; nothing is trained here.

Everything is recomputed from files alone (``records.csv``, ``splits.json``, ``subsets.json``, ``arms.json``,
``identities.json``, ``cells/``), so that anybody can check every number of a table. Cells that an earlier run with
other settings left in the folder are never mixed in: only those ``subsets.json`` names are read, and one whose identity
is not the listed one is refused.

Without validation rows there is nothing to find a threshold on, and probabilities of a network that kept its last
weights are nobody's promise: that track ranks records, and has neither decisions nor calibration, at any amount of
labels.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssrl_ecg.data.labels import Task as TaskName
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation import report_scores as report
from ssrl_ecg.evaluation.arms import Family, History, Scores
from ssrl_ecg.evaluation.cells import failures_of, read_identities
from ssrl_ecg.evaluation.groups import fold_groups, group_score
from ssrl_ecg.evaluation.label_fractions import cell_files, load_scores, rankable_scores
from ssrl_ecg.metrics.bootstrap import replicate_values, stratified_bootstrap
from ssrl_ecg.metrics.calibration import calibration_report, probabilities_from_logits
from ssrl_ecg.metrics.comparison import holm_corrected, paired_bootstrap
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc, average_precision, decide, threshold_statistic
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores, Resamples
from ssrl_ecg.metrics.thresholds import f1_thresholds

_DECISION_METRICS = ("f1", "sensitivity", "specificity", "ppv", "npv")
_CALIBRATION_METRICS = ("brier", "ece", "calibration_slope", "calibration_intercept")

BOOTSTRAP_SEED = 20_260
"""Seed of every interval, so that a table can be recomputed to the digit."""


@dataclass(frozen=True)
class ArmFacts:
    """What must be known of an arm to read its scores."""

    name: str
    family: Family
    gives_logits: bool
    needs_labels: bool = True
    compared: bool = True
    knowledge: bool = False


@dataclass(frozen=True)
class Decisions:
    """What one cell decides on the tested records, at thresholds with the best F1 on each split's validation records.

    Attributes:
        values: uint8 (record, class).
        thresholds: (record, class), on the scale of the cell's scores.
    """

    values: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class CellResult:
    """One cell on the tested records.

    Attributes:
        scores: (record, class) logits (single-label: log probabilities), or scores of an arm that gives no logits.
        decisions: None where no validation record was looked at.
    """

    scores: np.ndarray
    decisions: Decisions | None


class ResultsFolder:
    """The files of one label-fraction experiment.

    Args:
        folder: the results folder.

    Raises:
        InputError: a file is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        for name in ("records.csv", "splits.json", "subsets.json", "arms.json", "identities.json"):
            if not (self.folder / name).is_file():
                raise InputError(
                    "results are incomplete", file=self.folder / name, expected="this file", found="nothing"
                )
        self._table = pd.read_csv(self.folder / "records.csv", dtype={"record_id": str, "patient_id": str})
        self.classes = tuple(self._table.columns[3:])
        self._row_of = {record: row for row, record in enumerate(self._table["record_id"])}
        facts = self._json("arms.json")
        self.task: TaskName = facts["task"]
        self.arms = {entry["name"]: ArmFacts(**entry) for entry in facts["arms"]}
        self._splits = self._json("splits.json")
        self._identities = read_identities(self.folder)
        self.failures = failures_of(self.folder)

    def _json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @cached_property
    def tested(self) -> np.ndarray:
        """Rows of ``records.csv`` that are tested, ascending; every one is tested by exactly one split."""
        rows = np.concatenate([self._rows(split["test"]) for split in self._splits])
        if len(np.unique(rows)) != len(rows):
            raise InputError("a record is tested by two splits", file=self.folder / "splits.json")
        return np.sort(rows)

    @property
    def has_validation(self) -> bool:
        """Whether validation rows chose weights, penalties and thresholds; without any, only the labelled rows did."""
        return any(split["validation"] for split in self._splits)

    def _rows(self, records: Iterable[str]) -> np.ndarray:
        return np.array([self._row_of[record] for record in records], dtype=np.int64)

    @cached_property
    def records(self) -> EvaluatedRecords:
        """The tested records with their labels, patients and folds."""
        table = self._table.iloc[self.tested]
        targets = table[list(self.classes)].to_numpy(np.uint8)
        return EvaluatedRecords(targets, table["patient_id"].to_numpy(), table["fold"].to_numpy(), self.classes)

    @property
    def record_ids(self) -> list[str]:
        """Ids of the tested records in order."""
        return self._table["record_id"].iloc[self.tested].tolist()

    def fractions(self, arm: str) -> list[float]:
        """Label fractions of an arm's cells, ascending."""
        return sorted({fraction for fraction, _, _ in self._cell_files(arm)})

    def _cell_files(self, arm: str) -> Iterator[tuple[float, int, Path]]:
        failed = {failure.name for failure in self.failures if failure.group == arm}
        files = cell_files(self.folder, arm, needs_labels=self.arms[arm].needs_labels)
        return (one for one in files if one[-1].stem not in failed)

    def n_labels(self, fraction: float) -> int:
        """Labelled training records at a fraction (the median over subsets, which differ by one at most)."""
        subsets = self._json("subsets.json").values()
        sizes = [len(subset["records"]) for subset in subsets if subset["label_fraction"] == fraction]
        return int(np.median(sizes))

    def cells(self, arm: str, fraction: float, numbers: Collection[int] | None = None) -> list[CellResult]:
        """Cells of an arm at one fraction that did not fail, all or those of some numbers, in the order of these.

        Raises:
            InputError: a cell is missing, or was made with other settings, rows or splits than the folder's run.
        """
        files = [(number, path) for found, number, path in self._cell_files(arm) if found == fraction]
        return [self._cell(path, self.arms[arm]) for number, path in files if numbers is None or number in numbers]

    def model_scores(self, arm: str, fraction: float, numbers: Collection[int] | None = None) -> ModelScores:
        """An arm's scores at one fraction, every cell a subset (or seed) of its own."""
        return ModelScores(np.stack([cell.scores for cell in self.cells(arm, fraction, numbers)]))

    def shared_subsets(self, first: str, second: str, fraction: float) -> set[int]:
        """Numbers of the subsets at one fraction that both arms have scores of; an arm without labels has all."""
        numbers = [
            {number for found, number, _ in self._cell_files(arm) if found == fraction}
            for arm in (first, second)
            if self.arms[arm].needs_labels
        ]
        return set.intersection(*numbers) if numbers else {0}

    def shared_fractions(self, first: str, second: str) -> list[float]:
        """Fractions at which two arms can be compared, ascending."""
        fractions = {arm: set(self.fractions(arm)) for arm in (first, second)}
        if not all(fractions.values()):
            return []
        labelled = [found for arm, found in fractions.items() if self.arms[arm].needs_labels]
        return sorted(set.intersection(*(labelled or fractions.values())))

    def paired_scores(self, first: str, second: str, fraction: float) -> list[ModelScores]:
        """Scores of two arms on the same subsets; those of an arm without labels stand in for each subset."""
        shared = self.shared_subsets(first, second, fraction)
        places = {arm: (fraction, shared) if self.arms[arm].needs_labels else (0.0, None) for arm in (first, second)}
        models = [self.model_scores(arm, *place) for arm, place in places.items()]
        n_subsets = max(len(model.scores) for model in models)
        return [
            model if self.arms[arm].needs_labels else ModelScores(np.repeat(model.scores, n_subsets, axis=0))
            for arm, model in zip((first, second), models, strict=True)
        ]

    def history(self, arm: str, fraction: float) -> tuple[History, ...]:
        """What the training of an arm's first cell at one fraction logged; empty for an arm without gradients."""
        path = next(path for found, _, path in self._cell_files(arm) if found == fraction)
        return self._scores(path, self.arms[arm])[0].history

    def pairs(self) -> list[tuple[float, str]]:
        """(fraction, arm) of every row, fraction by fraction, arms in their order."""
        order = list(self.arms)
        pairs = [(fraction, arm) for arm in order for fraction in self.fractions(arm)]
        return sorted(pairs, key=lambda pair: (pair[0], order.index(pair[1])))

    def _cell(self, path: Path, arm: ArmFacts) -> CellResult:
        found = self._scores(path, arm)
        scores = np.full((len(self._table), len(self.classes)), np.nan)
        for split, one in zip(self._splits, found, strict=True):
            scores[self._rows(split["test"])] = one.test
        scores = scores[self.tested]
        decides = all(np.isfinite(one.validation).any() for one in found)
        return CellResult(scores, self._decisions(scores, found, arm) if decides else None)

    def _decisions(self, scores: np.ndarray, found: Sequence[Scores], arm: ArmFacts) -> Decisions:
        thresholds = np.full((len(self._table), len(self.classes)), np.nan)
        targets = self._table[list(self.classes)].to_numpy(np.uint8)
        sigmoid = arm.gives_logits and self.task == "multilabel"
        for split, one in zip(self._splits, found, strict=True):
            looked_at = ~np.isnan(one.validation).any(axis=1)  # all of them, or a few where validation is scarce
            cuts = _cut(targets[self._rows(split["validation"])][looked_at], one.validation[looked_at], sigmoid)
            thresholds[self._rows(split["test"])] = cuts
        thresholds = thresholds[self.tested]
        if self.task == "single":
            return Decisions((scores == scores.max(axis=1, keepdims=True)).astype(np.uint8), thresholds)
        return Decisions(decide(scores, thresholds), thresholds)

    def _scores(self, path: Path, arm: ArmFacts) -> list[Scores]:
        """Scores of one cell's splits, on a scale that ranks records."""
        if not path.is_file():
            raise InputError("a cell is missing: start the run again", file=path, expected="this file", found="nothing")
        found, identity = load_scores(path)
        expected = self._identities.get(arm.name, {}).get(path.stem)
        if identity != expected:
            raise InputError(
                "a cell of another run: start the run again", file=path, field="identity", expected=expected,
                found=identity,
            )  # fmt: skip
        rankable = partial(rankable_scores, task=self.task, gives_logits=arm.gives_logits)
        return [replace(one, validation=rankable(one.validation), test=rankable(one.test)) for one in found]


def _cut(targets: np.ndarray, scores: np.ndarray, sigmoid: bool) -> np.ndarray:
    """F1-best thresholds; found on probabilities where there are any, given on the scale of the scores."""
    if not sigmoid:
        return f1_thresholds(targets, scores)
    cuts = np.clip(f1_thresholds(targets, probabilities_from_logits(scores)), 1e-12, 1 - 1e-12)
    return np.asarray(np.log(cuts / (1 - cuts)))


def mean_estimate(records: EvaluatedRecords, cells: Sequence[np.ndarray], statistic: object) -> float:
    """Macro of a statistic: per fold, then mean over folds, cells and classes, without resampling."""
    whole = Resamples.whole_sample(len(records.targets), len(cells))
    return macro(replicate_values(records, ModelScores(np.stack(cells)), statistic, whole)[0])  # type: ignore[arg-type]


def _decision_scores(
    records: EvaluatedRecords, decisions: Sequence[Decisions]
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of decisions by name, or why there are none."""
    if not decisions:
        return {}, dict.fromkeys(_DECISION_METRICS, "no validation records to find thresholds on")
    values = [one.values for one in decisions]
    return {name: mean_estimate(records, values, threshold_statistic(name)) for name in _DECISION_METRICS}, {}


def _calibration(
    results: ResultsFolder, cells: Sequence[CellResult], arm: ArmFacts
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores of probabilities by name, or why there are none."""
    targets = results.records.targets
    if not arm.gives_logits:
        return {}, dict.fromkeys(_CALIBRATION_METRICS, "gives scores, not probabilities")
    if results.task == "single":
        return {}, dict.fromkeys(_CALIBRATION_METRICS, "one softmax, not one probability per class")
    if not results.has_validation:
        return {}, dict.fromkeys(_CALIBRATION_METRICS, "the track without validation records only ranks")
    reports = [calibration_report(targets, probabilities_from_logits(cell.scores), results.classes) for cell in cells]
    names = (name.removeprefix("calibration_") for name in _CALIBRATION_METRICS)
    means = [float(np.mean([one.macro[name] for one in reports])) for name in names]
    return dict(zip(_CALIBRATION_METRICS, means, strict=True)), {}


def make_row(results: ResultsFolder, arm_name: str, fraction: float, *, n_replicates: int = 1000) -> report.Row:
    """One row of the main table with its intervals.

    At 100 % of the labels the cells differ in their seed alone. Those with equal scores count as one seed: an arm that
    draws nothing, such as MiniRocket, has one however often it ran.
    """
    arm, records = results.arms[arm_name], results.records
    cells = results.cells(arm_name, fraction)
    scores = [cell.scores for cell in cells]
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    stacked = ModelScores(np.stack(scores))
    bootstrap = stratified_bootstrap(records, stacked, generator=generator, n_replicates=n_replicates)
    calibration, uncalibrated = _calibration(results, cells, arm)
    decided, undecided = _decision_scores(records, [cell.decisions for cell in cells if cell.decisions is not None])
    positives = records.targets.sum(axis=0)
    return report.Row(
        name=arm_name,
        family=arm.family,
        label_fraction=fraction,
        n_labels=results.n_labels(fraction),
        macro_auroc=bootstrap.macro.estimate,
        interval=(bootstrap.macro.low, bootstrap.macro.high),
        per_class={
            name: report.ClassScore(auroc=one.estimate, lo=one.low, hi=one.high, n_positives=int(positives[column]))
            for column, (name, one) in enumerate(bootstrap.per_class.items())
        },
        auprc=mean_estimate(records, scores, average_precision),
        **decided,
        **calibration,
        n_subsets=1 if fraction == 1.0 else len(cells),
        n_seeds=len({one.tobytes() for one in scores}) if fraction == 1.0 else 1,
        per_fold={
            int(fold): float(np.mean([macro(auroc(records.targets[rows], one[rows])) for one in scores]))
            for fold, rows in records.fold_rows().items()
        },
        undefined=undecided | uncalibrated,
    )


def make_fold_scores(results: ResultsFolder, *, n_replicates: int = 1000) -> list[report.GroupScore]:
    """Every row on each test fold apart, with intervals; nothing if there is one test fold only."""
    groups = fold_groups(results.records.folds)
    return [
        group_score(
            results.records,
            results.model_scores(arm, fraction),
            group,
            name=arm,
            label_fraction=fraction,
            generator=np.random.default_rng(BOOTSTRAP_SEED),
            n_replicates=n_replicates,
        )
        for fraction, arm in results.pairs()
        for group in groups
    ]


def make_comparisons(
    results: ResultsFolder, pairs: Sequence[tuple[str, str]], *, n_replicates: int = 1000
) -> list[report.Comparison]:
    """Paired differences of macro AUROC at every fraction both arms have, corrected together by Holm's rule.

    An arm that needs no label is compared at every fraction of the other: it is the same whatever the subset. An arm
    without cells, because the run has none with zero labels, is not compared.
    """
    triples = [
        (first, second, fraction) for first, second in pairs for fraction in results.shared_fractions(first, second)
    ]
    return compare(results, triples, n_replicates=n_replicates)


def compare(
    results: ResultsFolder, triples: Sequence[tuple[str, str, float]], *, n_replicates: int = 1000
) -> list[report.Comparison]:
    """Paired differences of macro AUROC of (first arm, second arm, label fraction), with Holm over all of them."""
    found = {
        triple: paired_bootstrap(
            results.records,
            *results.paired_scores(*triple),
            generator=np.random.default_rng(BOOTSTRAP_SEED),
            n_replicates=n_replicates,
        )
        for triple in triples
        if results.shared_subsets(*triple)
    }
    corrected = holm_corrected({str(key): one.macro for key, one in found.items()})
    comparisons = []
    for triple in found:
        one, (first, second, fraction) = corrected[str(triple)], triple
        if one.verdict == "undefined" or one.p_holm is None:
            continue
        comparisons.append(
            report.Comparison(
                a=first, b=second, label_fraction=fraction, difference=one.interval.estimate, lo=one.interval.low,
                hi=one.interval.high, p=one.p_value, p_holm=one.p_holm, verdict=one.verdict,
            )
        )  # fmt: skip
    return comparisons


def default_pairs(arms: Iterable[ArmFacts]) -> list[tuple[str, str]]:
    """Every method against the supervised rows and floors, of the rows that are to be compared."""
    listed = list(arms)
    methods = [arm.name for arm in listed if arm.family == "method" and arm.compared]
    others = [arm.name for arm in listed if arm.family != "method" and arm.compared]
    return list(product(methods, others))


def make_rows(results: ResultsFolder, *, n_replicates: int = 1000) -> list[report.Row]:
    """All rows at all fractions, fraction by fraction."""
    return [make_row(results, arm, fraction, n_replicates=n_replicates) for fraction, arm in results.pairs()]
