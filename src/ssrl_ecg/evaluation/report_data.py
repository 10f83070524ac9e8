"""What a report is made from: one tree of frozen dataclasses, which is also the content of ``results.json``.

Everything is checked when it is built, so a report that can be built can be shown. An undefined number is NaN here and
null in JSON.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.report_scores import Comparison, GroupScore, Row, check_choice
from ssrl_ecg.evaluation.typed_json import decode_dataclass
from ssrl_ecg.files import jsonable

Kind = Literal["synthetic", "sample", "data"]
Track = Literal["validation fold", "no validation"]
XY = tuple[tuple[float, ...], tuple[float, ...]]

TEST_PART = "test"


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """How the numbers came about.

    Attributes:
        command: the words that started the run, as one line.
        config: every setting, nested.
        seed: the seed everything random was derived from.
        commit: commit of the source tree, None outside a checkout.
        versions: package -> version.
        machine: what it ran on, as name -> value.
        wall_time_s: duration of the whole run.
        started: ISO 8601 time.
    """

    command: str
    config: dict[str, Any]
    seed: int
    commit: str | None
    versions: dict[str, str]
    machine: dict[str, Any]
    wall_time_s: float
    started: str


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Which recordings.

    Attributes:
        name: the data's name, such as "PTB-XL sample".
        n_records: usable records.
        n_patients: patients they come from.
        n_rejected: records that could not be used.
        split_sizes: part -> number of records; the tested records are the part called "test".
        class_counts: part -> class -> number of positive records.
        classes_without_positives: part -> classes that do not occur in it; the AUROC of such a class in the test part
            is undefined.
        fingerprint: identifies the exact content of the data.
        attribution: licence and authors of the recordings, shown below pictures of them.
    """

    name: str
    n_records: int
    n_patients: int
    n_rejected: int
    split_sizes: dict[str, int]
    class_counts: dict[str, dict[str, int]]
    classes_without_positives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fingerprint: str = ""
    attribution: str = ""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Curves at one label fraction, each as row name -> class -> (x values, y values), all in [0, 1].

    Attributes:
        label_fraction: where the rows were trained.
        roc: false-positive rate, true-positive rate.
        pr: recall, precision.
        reliability: mean predicted probability, observed share, per bin.
        risk_coverage: share of records that are decided, surest first; share of those that are decided wrongly.
        risk_area: row name -> class -> area under the risk-coverage curve, the mean risk.
    """

    label_fraction: float
    roc: dict[str, dict[str, XY]] = field(default_factory=dict)
    pr: dict[str, dict[str, XY]] = field(default_factory=dict)
    reliability: dict[str, dict[str, XY]] = field(default_factory=dict)
    risk_coverage: dict[str, dict[str, XY]] = field(default_factory=dict)
    risk_area: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """What one training logged, the collapse watch (embedding SD, effective rank, kNN probe) included.

    Attributes:
        name: which training.
        x: what is counted, from 1.
        series: name -> values, NaN where nothing was logged; "loss/train" and "loss/validation" share a plot.
    """

    name: str
    x: str = "epoch"
    series: dict[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One test record with its labels and a prediction.

    Attributes:
        record_id: which record.
        predicted_by: row, label fraction and whatever else names the model.
        sampling_rate_hz: of ``signal_mv``.
        true_labels: classes that are present.
        probabilities: class -> predicted probability.
        thresholds: class -> decision threshold; a class at or above it is predicted.
        note: why this record is shown.
        signal_mv: (12, time) in millivolt, canonical leads; drawn, never written to ``results.json``; None leaves the
            picture out.
    """

    record_id: str
    predicted_by: str
    sampling_rate_hz: float
    true_labels: tuple[str, ...]
    probabilities: dict[str, float]
    thresholds: dict[str, float]
    note: str = ""
    signal_mv: NDArray[np.floating[Any]] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if set(self.probabilities) != set(self.thresholds):
            found = sorted(set(self.probabilities) ^ set(self.thresholds))
            raise InputError(f"example {self.record_id}: classes with a probability or a threshold only", found=found)


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything a report says.

    Attributes:
        title: heading of the page.
        kind: whether the recordings are "synthetic", a "sample" of a database, or the "data" itself.
        data_statement: the same in one plain sentence, shown on top.
        interval_statement: how intervals are made: what was resampled and how often.
        run: how the numbers came about.
        data: which recordings.
        rows: all rows at all label fractions, in the order of the page.
        comparisons: paired differences between rows.
        curves: ROC, precision-recall, reliability and risk-coverage curves, one entry per label fraction shown.
        training: training curves.
        examples: test records with predictions.
        notes: caveats, in plain sentences.
        track: "validation fold" if the records of a plentiful validation fold chose weights, penalties and thresholds;
            "no validation" if nothing was chosen but within the labelled records. That track has ranking metrics only.
        groups: the rows on parts of the test records.
    """

    title: str
    kind: Kind
    data_statement: str
    interval_statement: str
    run: RunFacts
    data: DataFacts
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...] = ()
    curves: tuple[Curves, ...] = ()
    training: tuple[TrainingCurve, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    track: Track = "validation fold"
    groups: tuple[GroupScore, ...] = ()

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, get_args(Kind))
        check_choice("track", self.track, get_args(Track))
        for name in ("title", "data_statement", "interval_statement"):
            if not getattr(self, name).strip():
                raise InputError("a report must say this", field=name, found="nothing")
        if not self.rows:
            raise InputError("a report needs at least one row", field="rows")
        self._check_rows()
        self._check_references()

    def _check_rows(self) -> None:
        keys = [(row.name, row.label_fraction) for row in self.rows]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise InputError("a row is there twice", field="rows", found=twice[0])
        for name, families in _grouped((row.name, row.family) for row in self.rows).items():
            if len(families) > 1:
                raise InputError(f"row {name} has two families", field="family", found=sorted(families))

    def _check_references(self) -> None:
        known = {(row.name, row.label_fraction) for row in self.rows}
        unlabelled = {row.name for row in self.rows if row.n_labels == 0}
        named = [(name, c.label_fraction) for c in self.comparisons for name in (c.a, c.b)]
        named += [(group.name, group.label_fraction) for group in self.groups]
        named += [
            (name, curves.label_fraction)
            for curves in self.curves
            for rows in (curves.roc, curves.pr, curves.reliability, curves.risk_coverage, curves.risk_area)
            for name in rows
        ]
        for name, fraction in named:
            if (name, fraction) not in known and name not in unlabelled:
                raise InputError(
                    "a comparison, curve or group names a row that is not there", found=f"{name} at {fraction:g}"
                )

    @property
    def fractions(self) -> tuple[float, ...]:
        """Label fractions, ascending."""
        return tuple(sorted({row.label_fraction for row in self.rows}))

    @property
    def row_names(self) -> tuple[str, ...]:
        """Row names in the order of their first appearance."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    @property
    def floors(self) -> tuple[str, ...]:
        """Names of the floor rows."""
        return tuple(dict.fromkeys(row.name for row in self.rows if row.family == "floor"))

    def at(self, fraction: float) -> dict[str, Row]:
        """Rows at one label fraction by name, in order."""
        return {row.name: row for row in self.rows if row.label_fraction == fraction}

    def best_floor(self, fraction: float) -> Row | None:
        """The floor with the highest macro AUROC at this fraction; None if there is no floor with a defined one."""
        floors = (
            row for row in self.at(fraction).values() if row.family == "floor" and not math.isnan(row.macro_auroc)
        )
        return max(floors, key=lambda row: row.macro_auroc, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able tree; NaN becomes None, the signals of the examples are left out."""
        tree = dataclasses.asdict(self)
        for example in tree["examples"]:
            del example["signal_mv"]
        return {name: jsonable(value) for name, value in tree.items()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> ReportData:
        """Rebuild from ``to_dict``'s tree, refusing unknown or missing keys and wrong types.

        Raises:
            InputError: naming the place in the tree.
        """
        return decode_dataclass(cls, tree, "results")


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, set()).add(value)
    return groups
