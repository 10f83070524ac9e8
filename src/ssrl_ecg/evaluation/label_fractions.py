"""The label-fraction experiment: the same subsets for every arm, and one file of scores per cell, so it can resume."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from tqdm import tqdm

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.labels import Task as TaskName
from ssrl_ecg.data.splits import Split, nested_subsets
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.files import atomic_path, write_json


@dataclass(frozen=True, kw_only=True)
class LabelFractions:
    """Which label fractions, and how many label subsets (at 100 %: seeds) at each."""

    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training records whose labels are used, in (0, 1]."""
    n_repeats: tuple[int, ...] = (10, 5, 3)
    """Subsets at each fraction; at 1.0 there is one subset, and these are seeds."""
    first_seed: int = 42
    """Repeat k draws its nested subsets, and everything its trainings draw, from seed first_seed + k."""

    def __post_init__(self) -> None:
        if len(self.fractions) != len(self.n_repeats) or not self.fractions:
            raise InputError(
                "one number of repeats per label fraction",
                field="n_repeats",
                expected=len(self.fractions),
                found=len(self.n_repeats),
            )
        if min(self.n_repeats) < 1:
            raise InputError("at least one repeat per fraction", field="n_repeats", found=self.n_repeats)


@dataclass(frozen=True)
class Cell:
    """One label subset: its fraction, its number, the seed of its trainings and its rows."""

    fraction: float
    number: int
    seed: int
    rows: np.ndarray

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"{100 * self.fraction:g}pct-{self.number:02d}"


def make_cells(design: LabelFractions, labels: Labels, patients: np.ndarray, training_rows: np.ndarray) -> list[Cell]:
    """Draw all label subsets; those of one repeat lie inside each other."""
    cells = []
    for repeat in range(max(design.n_repeats)):
        wanted = [
            fraction for fraction, count in zip(design.fractions, design.n_repeats, strict=True) if repeat < count
        ]
        seed = design.first_seed + repeat
        subsets = nested_subsets(labels, patients, wanted, seed, rows=training_rows)
        cells += [Cell(fraction, repeat, seed, subsets[fraction]) for fraction in wanted]
    return sorted(cells, key=lambda cell: (cell.fraction, cell.number))


def arm_folder(folder: Path, arm_name: str) -> Path:
    """Where an arm's cells are kept."""
    return folder / "cells" / re.sub(r"[^a-z0-9]+", "-", arm_name.lower()).strip("-")


def write_frame(
    folder: Path, store: RecordStore, labels: Labels, splits: Sequence[Split], cells: Sequence[Cell]
) -> None:
    """Write what scores refer to: ``records.csv`` (held-out, with labels), ``splits.json``, ``subsets.json`` (ids)."""
    held_out = np.unique(np.concatenate([np.concatenate([split.validation, split.test]) for split in splits]))
    table = store.records.iloc[held_out][["record_id", "patient_id", "fold"]].reset_index(drop=True)
    values = pd.DataFrame(labels.values[held_out], columns=list(labels.classes))
    with atomic_path(folder / "records.csv") as temporary:
        pd.concat([table, values], axis=1).to_csv(temporary, index=False)
    ids = store.records["record_id"].to_numpy()
    write_json(
        folder / "splits.json",
        [{"validation": ids[split.validation].tolist(), "test": ids[split.test].tolist()} for split in splits],
    )
    write_json(
        folder / "subsets.json", {cell.name: {"seed": cell.seed, "records": ids[cell.rows].tolist()} for cell in cells}
    )


def save_scores(path: Path, scores: Sequence[Scores], identity: str) -> None:
    """Write one cell's scores of all splits, compressed, whole or not at all."""
    arrays: dict[str, Any] = {
        f"{part}_{number}": np.asarray(getattr(one, part), np.float32)
        for number, one in enumerate(scores)
        for part in ("validation", "test")
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, identity=np.array(identity), **arrays)


def load_scores(path: Path) -> tuple[list[Scores], str]:
    """Read one cell's scores and the identity of the arm and task that made them."""
    with np.load(path, allow_pickle=False) as archive:
        n_splits = sum(name.startswith("test_") for name in archive.files)
        scores = [Scores(archive[f"validation_{number}"], archive[f"test_{number}"]) for number in range(n_splits)]
        return scores, str(archive["identity"])


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


def identity_of(*parts: object) -> str:
    """Short hash of settings and row arrays."""
    text = json.dumps(
        [part.tolist() if isinstance(part, np.ndarray) else part for part in parts], sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ArmPlan:
    """An arm that is built only if one of its cells is missing.

    Attributes:
        name: row name.
        family: method, supervised or floor.
        settings: plain values its scores depend on.
        build: makes the arm.
        gives_logits: whether a sigmoid of its scores is a probability.
    """

    name: str
    family: Family
    settings: object
    build: Callable[[], Arm]
    gives_logits: bool = True


def run_cells(
    folder: Path,
    plans: Sequence[ArmPlan],
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    cells: Sequence[Cell],
    *,
    progress: bool = True,
) -> None:
    """Compute every missing cell of every arm; a cell already there with the same identity is kept.

    ``identities.json`` (arm -> cell -> identity) is written first, so that whoever reads the folder can tell these
    cells from those an earlier run with other settings left there.

    Args:
        folder: results folder; cells go to ``cells/<arm>/<fraction>-<number>.npz``.
        plans: the arms.
        store: the records.
        labels: targets of every row.
        splits: splits with the same training rows.
        cells: label subsets.
        progress: show a progress bar over the cells that are missing.
    """
    write_json(
        folder / "identities.json",
        {plan.name: {cell.name: _cell_identity(plan, cell, splits) for cell in cells} for plan in plans},
    )
    missing = [(plan, cell) for plan in plans for cell in cells if not _is_there(folder, plan, cell, splits)]
    built: dict[str, Arm] = {}
    for plan, cell in tqdm(missing, desc="cells", disable=not progress, unit="cell"):
        if plan.name not in built:
            built = {plan.name: plan.build()}
        scores = built[plan.name].run(Task(store, labels, cell.rows, splits, cell.seed))
        save_scores(arm_folder(folder, plan.name) / f"{cell.name}.npz", scores, _cell_identity(plan, cell, splits))


def _cell_identity(plan: ArmPlan, cell: Cell, splits: Sequence[Split]) -> str:
    return identity_of(
        plan.settings, cell.seed, cell.rows, *(part for split in splits for part in (split.validation, split.test))
    )


def _is_there(folder: Path, plan: ArmPlan, cell: Cell, splits: Sequence[Split]) -> bool:
    path = arm_folder(folder, plan.name) / f"{cell.name}.npz"
    return path.exists() and load_scores(path)[1] == _cell_identity(plan, cell, splits)


def cell_files(folder: Path, arm_name: str) -> Iterator[tuple[float, int, Path]]:
    """Yield (fraction, number, file) of an arm's cells in order: those of ``subsets.json``, computed yet or not."""
    found = []
    for name in json.loads((folder / "subsets.json").read_text(encoding="utf-8")):
        percent, number = name.split("pct-")
        found.append((float(percent) / 100, int(number), arm_folder(folder, arm_name) / f"{name}.npz"))
    yield from sorted(found)
