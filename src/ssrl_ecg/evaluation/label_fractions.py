"""The label-fraction experiment: the same subsets for every arm, and one file of scores per cell, so it can resume.

How many labels is asked for as a share of the training records or as a count; either way a subset is a prefix of the
repeat's stratified order, so 16 labels lie inside 32 and those inside 10 %. Zero labels is an amount too, at which arms
run that need none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.labels import Task as TaskName
from ssrl_ecg.data.splits import Split, assert_patients_disjoint, nested_subsets
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.evaluation.cell_jobs import CellJob, Key, require_finite
from ssrl_ecg.evaluation.cells import cell_path, identity_of, read_cell
from ssrl_ecg.evaluation.runner import CheckedCells, Execution
from ssrl_ecg.files import atomic_path, jsonable, write_json


@dataclass(frozen=True, kw_only=True)
class LabelFractions:
    """Which label fractions and counts, and how many label subsets (at 100 %: seeds) at each."""

    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training records whose labels are used, in (0, 1]."""
    n_repeats: tuple[int, ...] = (10, 5, 3)
    """Subsets at each fraction; at 1.0 there is one subset, and these are seeds."""
    counts: tuple[int, ...] = ()
    """Numbers of labelled records; patients stay whole, so one of two records may make a subset longer or shorter by
    one. 0 is for arms that need no label."""
    count_repeats: int = 10
    """Subsets at each count above 0."""
    first_seed: int = 42
    """Repeat k draws its nested subsets, and everything its trainings draw, from seed first_seed + k."""
    seeds: tuple[int, ...] = ()
    """The seed of each repeat, if they are not to count up from ``first_seed``."""

    def __post_init__(self) -> None:
        if len(self.fractions) != len(self.n_repeats) or not self.fractions + self.counts:
            raise InputError(
                "one number of repeats per label fraction",
                field="n_repeats",
                expected=len(self.fractions),
                found=len(self.n_repeats),
            )
        if min(found := (*self.n_repeats, self.count_repeats)) < 1:
            raise InputError("at least one repeat of every amount of labels", field="repeats", found=found)
        if min(self.counts, default=0) < 0:
            raise InputError("no such number of labels", field="counts", expected="0 or more", found=min(self.counts))
        if self.seeds:
            self._check_seeds()

    def _check_seeds(self) -> None:
        needed = max(*self.n_repeats, self.count_repeats if any(self.counts) else 1)
        if len(set(self.seeds)) < len(self.seeds):
            raise InputError("two seeds are equal: their repeats would be one", field="seeds", found=self.seeds)
        if len(self.seeds) < needed:
            raise InputError("there are more repeats than seeds", field="seeds", expected=needed, found=len(self.seeds))

    def seed_of(self, repeat: int) -> int:
        """Seed of a repeat, counted from 0."""
        return self.seeds[repeat] if self.seeds else self.first_seed + repeat

    @property
    def n_amounts(self) -> int:
        """How many amounts of labels there are, zero labels left out."""
        return len(self.fractions) + sum(count > 0 for count in self.counts)


@dataclass(frozen=True)
class Cell:
    """One label subset.

    Attributes:
        fraction: share of the labelled training records, in [0, 1].
        number: which subset of this size, from 0.
        seed: of its trainings.
        rows: its records; none with zero labels.
        count: how many labels were asked for, where they were asked for as a count.
    """

    fraction: float
    number: int
    seed: int
    rows: np.ndarray
    count: int | None = None

    @property
    def name(self) -> str:
        """File name without suffix, such as ``10pct-00`` or ``16labels-00``."""
        amount = f"{100 * self.fraction:g}pct" if self.count is None else f"{self.count}labels"
        return f"{amount}-{self.number:02d}"


def make_cells(design: LabelFractions, labels: Labels, patients: np.ndarray, training_rows: np.ndarray) -> list[Cell]:
    """Draw all label subsets; those of one repeat lie inside each other.

    Args:
        design: which amounts.
        labels: targets of every row.
        patients: patient of every row.
        training_rows: rows with a label to draw from.

    Raises:
        InputError: more labels than there are, or the same amount as a fraction and as a count.
    """
    amounts = _amounts(design, len(training_rows))
    cells = [Cell(0.0, 0, design.first_seed, training_rows[:0], 0)] if 0 in design.counts else []
    for repeat in range(max((amount.n_repeats for amount in amounts), default=0)):
        wanted = [amount for amount in amounts if repeat < amount.n_repeats]
        seed = design.seed_of(repeat)
        subsets = nested_subsets(labels, patients, [one.fraction for one in wanted], seed, rows=training_rows)
        cells += [Cell(one.fraction, repeat, seed, subsets[one.fraction], one.count) for one in wanted]
    return sorted(cells, key=lambda cell: (cell.fraction, cell.number))


@dataclass(frozen=True)
class _Amount:
    fraction: float
    count: int | None
    n_repeats: int


def _amounts(design: LabelFractions, n_labelled: int) -> list[_Amount]:
    """Every amount of labels above zero."""
    if max(design.counts, default=0) > n_labelled:
        raise InputError(
            "there are not so many labelled training records",
            field="counts",
            expected=f"{n_labelled} or less",
            found=max(design.counts),
        )
    amounts = [_Amount(share, None, n) for share, n in zip(design.fractions, design.n_repeats, strict=True)]
    amounts += [_Amount(count / n_labelled, count, design.count_repeats) for count in design.counts if count]
    if len({amount.fraction for amount in amounts}) < len(amounts):
        found = f"{design.fractions} and {design.counts}"
        raise InputError("an amount of labels is asked for twice", field="fractions and counts", found=found)
    return amounts


def write_frame(
    folder: Path, store: RecordStore, labels: Labels, splits: Sequence[Split], cells: Sequence[Cell]
) -> None:
    """Write what scores refer to: ``records.csv`` (held-out, with labels), ``splits.json``, ``subsets.json`` (ids)."""
    held_out = np.unique(np.concatenate([np.concatenate([split.validation, split.test]) for split in splits]))
    table = store.records.assign(fold=scored_folds(store, splits)).iloc[held_out]
    table = table[["record_id", "patient_id", "fold"]].reset_index(drop=True)
    values = pd.DataFrame(labels.values[held_out], columns=list(labels.classes))
    with atomic_path(folder / "records.csv") as temporary:
        pd.concat([table, values], axis=1).to_csv(temporary, index=False)
    ids = store.records["record_id"].to_numpy()
    write_json(
        folder / "splits.json",
        [{"validation": ids[split.validation].tolist(), "test": ids[split.test].tolist()} for split in splits],
    )
    write_json(folder / "subsets.json", {cell.name: describe_cell(cell, ids) for cell in cells})


def scored_folds(store: RecordStore, splits: Sequence[Split]) -> np.ndarray:
    """Fold of every record, within which scores are compared: the store's, or 0 where a split cuts through folds.

    A split drawn at random, or read from lists, tests a part of every fold; its test part is then one fold.
    """
    folds = store.records["fold"].to_numpy()
    is_cut = any(np.isin(folds[split.test], folds[split.train]).any() for split in splits)
    return np.zeros_like(folds) if is_cut else folds


def describe_cell(cell: Cell, ids: np.ndarray) -> dict[str, Any]:
    """What ``subsets.json`` says of a cell: its label fraction, its seed and the ids of its records."""
    return {"label_fraction": cell.fraction, "seed": cell.seed, "records": ids[cell.rows].tolist()}


def score_arrays(scores: Sequence[Scores]) -> dict[str, Any]:
    """One cell's scores of all splits and the training's history, as arrays of its file.

    Scores are kept in half precision, about each class's median and in units of its mean absolute deviation (in
    ``..._scale``): half the size, and their order survives where all lie close together.
    """
    arrays: dict[str, Any] = {"history": np.array(json.dumps(jsonable(scores[0].history)))}
    for number, one in enumerate(scores):
        for part in ("validation", "test"):
            whole = np.asarray(getattr(one, part), np.float32)
            known = whole[~np.isnan(whole).any(axis=1)]  # where validation is scarce, most records have no score
            centre = np.median(known, axis=0) if len(known) else np.zeros(whole.shape[1], np.float32)
            spread = np.abs(known - centre).mean(axis=0) if len(known) else np.ones_like(centre)
            unit = np.where(spread > 0, spread, 1)
            arrays[f"{part}_{number}"] = ((whole - centre) / unit).astype(np.float16)
            arrays[f"{part}_{number}_scale"] = np.stack([centre, unit]).astype(np.float32)
    return arrays


def load_scores(path: Path) -> tuple[list[Scores], str]:
    """Read one cell's scores and the identity of the arm and task that made them.

    Raises:
        InputError: the file is damaged.
    """
    arrays, identity = read_cell(path)
    n_splits = sum(re.fullmatch(r"test_\d+", name) is not None for name in arrays)
    stored = json.loads(str(arrays["history"])) if "history" in arrays else []
    history = tuple({name: math.nan if x is None else x for name, x in row.items()} for row in stored)
    scores = [
        Scores(_whole_scores(arrays, f"validation_{number}"), _whole_scores(arrays, f"test_{number}"), history)
        for number in range(n_splits)
    ]
    return scores, identity


def _whole_scores(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    centre, unit = arrays[f"{name}_scale"]
    return np.asarray(arrays[name].astype(np.float32) * unit + centre)


def rankable_scores(scores: np.ndarray, task: TaskName, *, gives_logits: bool) -> np.ndarray:
    """Bring scores to a scale on which records can be ranked: a softmax's logits become log probabilities.

    A softmax leaves a constant per record open, which would otherwise shuffle the records. Logits of a multi-label
    task, and scores that are no logits, stay as they are.

    Args:
        scores: (record, class).
        task: "multilabel" or "single".
        gives_logits: whether the scores are logits.
    """
    if task != "single" or not gives_logits:
        return scores
    return np.asarray(log_softmax(np.asarray(scores, dtype=np.float64), axis=1))


@dataclass(frozen=True)
class ArmPlan:
    """An arm that is built only if one of its cells is missing.

    Attributes:
        name: row name.
        family: method, supervised or floor.
        settings: plain values its scores depend on.
        build: makes the arm.
        gives_logits: whether a sigmoid of its scores is a probability.
        needs_labels: False for an arm that learns from no label: it runs with zero labels, and only there.
        compared: whether differences from it, or for a method its differences, are tested.
        knowledge: whether clinical knowledge takes part: measurements, criteria, or a simulator built on them.
        pretrainings: cells of the pretrainings it builds on; its own cells take them in turn (``arms.in_turn``).
    """

    name: str
    family: Family
    settings: object
    build: Callable[[], Arm]
    gives_logits: bool = True
    needs_labels: bool = True
    compared: bool = True
    knowledge: bool = False
    pretrainings: tuple[Key, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What ``arms.json`` says of the arm, for whoever reads its scores."""
        names = ("name", "family", "gives_logits", "needs_labels", "compared", "knowledge")
        return {name: getattr(self, name) for name in names}

    def cells(self, cells: Sequence[Cell]) -> list[Cell]:
        """Those of the cells in which the arm runs."""
        return [cell for cell in cells if bool(len(cell.rows)) == self.needs_labels]

    def needs(self, cell: Cell) -> tuple[Key, ...]:
        """The pretraining that a cell builds on, if any."""
        return (self.pretrainings[cell.seed % len(self.pretrainings)],) if self.pretrainings else ()


def prepare_design(
    folder: Path,
    plans: Sequence[ArmPlan],
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    design: LabelFractions,
    execution: Execution | None = None,
    pretrainings: Sequence[CellJob] = (),
    forget_lost: Callable[[Path], None] = lambda folder: None,
) -> CheckedCells:
    """Draw the subsets and list every cell; ``run`` then writes what the scores refer to, and the scores.

    Records without a label are neither trained nor tested on.

    Args:
        folder: results folder.
        plans: the arms.
        store: the records.
        labels: targets of every row.
        splits: splits with the same training rows.
        design: how many labels, how often.
        execution: how cells are computed.
        pretrainings: jobs the arms build on.
        forget_lost: takes back the cells of pretrainings whose encoders are gone.

    Raises:
        InputError: a patient on both sides of a split, or what ``make_cells`` or ``check_cells`` refuse.
    """
    for split in splits:
        assert_patients_disjoint(store.records, split)
    known = [Split(*(part[labels.known[part]] for part in split.parts().values())) for split in splits]
    cells = make_cells(design, labels, store.records["patient_id"].to_numpy(), known[0].train)
    jobs = [*pretrainings, *arm_jobs(plans, store, labels, known, cells)]

    def begin() -> None:
        forget_lost(folder)
        write_frame(folder, store, labels, known, cells)
        write_json(folder / "arms.json", {"task": labels.task, "arms": [plan.facts() for plan in plans]})

    return CheckedCells(jobs, folder, execution, begin)


def arm_jobs(
    plans: Sequence[ArmPlan], store: RecordStore, labels: Labels, splits: Sequence[Split], cells: Sequence[Cell]
) -> list[CellJob]:
    """Jobs of every arm in each cell it runs in.

    Args:
        plans: the arms.
        store: the records.
        labels: targets of every row.
        splits: splits with the same training rows.
        cells: label subsets.
    """
    return [
        CellJob(plan.name, cell.name, _cell_identity(plan, cell, splits), partial(of_arm, cell), plan.needs(cell))
        for plan in plans
        for of_arm in [_ArmScores(plan, store, labels, splits)]
        for cell in plan.cells(cells)
    ]


@dataclass
class _ArmScores:
    """Scores of one arm; it is built with its first cell, in whatever process that is computed."""

    plan: ArmPlan
    store: RecordStore
    labels: Labels
    splits: Sequence[Split]

    @cached_property
    def _arm(self) -> Arm:
        return self.plan.build()

    def __call__(self, cell: Cell) -> dict[str, Any]:
        scores = self._arm.run(Task(self.store, self.labels, cell.rows, self.splits, cell.seed))
        require_finite({f"scores of split {number}": one.test for number, one in enumerate(scores)})
        return score_arrays(scores)


def _cell_identity(plan: ArmPlan, cell: Cell, splits: Sequence[Split]) -> str:
    return identity_of(
        plan.settings, cell.seed, cell.rows, *(part for split in splits for part in (split.validation, split.test))
    )


def cell_files(folder: Path, arm_name: str, *, needs_labels: bool = True) -> Iterator[tuple[float, int, Path]]:
    """Yield (fraction, number, file) of an arm's cells in order: those of ``subsets.json``, computed yet or not.

    Args:
        folder: results folder.
        arm_name: whose cells.
        needs_labels: whether the arm runs in the cells with labels, or in the one without.
    """
    subsets = json.loads((folder / "subsets.json").read_text(encoding="utf-8"))
    found = [
        (subset["label_fraction"], int(name.rpartition("-")[2]), cell_path(folder, arm_name, name))
        for name, subset in subsets.items()
        if bool(subset["records"]) == needs_labels
    ]
    yield from sorted(found)
