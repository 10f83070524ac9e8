"""Tables of the segmentation protocol, computed from its cells alone: nothing is trained here.

Scores pool the test patients of all folds, so each patient counts once. Intervals resample patients within folds; every
fold has label subsets of its own, so that their luck is partly in the spread between folds, but not in the intervals.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import cell_path, cell_state, read_identities
from ssrl_ecg.evaluation.segmentation.arms import SegmenterArm
from ssrl_ecg.evaluation.segmentation.data import SegmentationTask
from ssrl_ecg.evaluation.segmentation.delineators import DelineatorArm
from ssrl_ecg.evaluation.segmentation.jobs import cell_name, read_scores
from ssrl_ecg.evaluation.segmentation.scores import BOUNDARIES, SegmentationScores, f1_of_counts, pooled_errors
from ssrl_ecg.files import atomic_path, write_json
from ssrl_ecg.metrics.bootstrap import Interval, percentile_interval
from ssrl_ecg.metrics.comparison import Difference, bootstrap_p_value, holm_corrected
from ssrl_ecg.metrics.delineation import CSE_SD_LIMIT_MS
from ssrl_ecg.metrics.inputs import ratio
from ssrl_ecg.metrics.segmentation import sample_f1
from ssrl_ecg.signals.waves import WAVES

LEVEL = 0.95
UNTOUCHED_FOLD = 1
"""Recipes were chosen on the training patients of this fold: its test patients had no part in it."""

_COMPARED = ["row", "label_fraction", "compared_with", "difference", "difference_low", "difference_high", "p", "p_holm",
             "verdict", "cell"]  # fmt: skip
_RECORDS, _ROWS = "records.csv", "rows.json"

Values = NDArray[np.float64]


def write_frame(folder: Path, arms: Sequence[SegmenterArm | DelineatorArm], task: SegmentationTask) -> None:
    """Write what the cells refer to: ``records.csv`` (fold of every record), ``problems.csv`` and ``rows.json``."""
    tables = {_RECORDS: task.database.records.assign(fold=task.folds), "problems.csv": task.database.problems}
    for name, table in tables.items():
        with atomic_path(folder / name) as temporary:
            table.to_csv(temporary, index=False)
    write_json(folder / _ROWS, [_described(arm, task) for arm in arms])


def _described(arm: SegmenterArm | DelineatorArm, task: SegmentationTask) -> dict[str, Any]:
    if isinstance(arm, DelineatorArm):
        return {"name": arm.name, "kind": "floor", "rate_hz": task.database.sampling_rate_hz, "cells": {"0": [[0], 0]}}
    folds = range(1, task.n_folds + 1)
    counts = {one: [len(task.trained(fold, one)) if one else 0 for fold in folds] for one in arm.fractions}
    return {
        "name": arm.name,
        "kind": "network",
        "rate_hz": arm.preprocessing.sampling_rate_hz,
        "cells": {f"{one:g}": [list(folds), float(np.mean(count))] for one, count in counts.items()},
    }


@dataclass(frozen=True, eq=False)
class ScoredRow:
    """One row of the tables at one label fraction, every fold there.

    Attributes:
        name: the row's.
        kind: "network" or "floor".
        rate_hz: of its input.
        fraction: label fraction; 0 for what learned from no marks.
        n_trained: records it was trained on, on average over folds.
        files: of its cells, relative to the results folder.
        scores: of every record.
    """

    name: str
    kind: str
    rate_hz: float
    fraction: float
    n_trained: float
    files: tuple[str, ...]
    scores: SegmentationScores

    def facts(self) -> dict[str, Any]:
        """The first columns of its line in a table."""
        return {"row": self.name, "label_fraction": self.fraction, "records": self.n_trained, "rate_hz": self.rate_hz}

    @property
    def cell(self) -> str:
        """The last column: what the line was computed from."""
        return ";".join(self.files)


def read_rows(folder: Path) -> list[ScoredRow]:
    """Read every row of a results folder whose cells are all there.

    Raises:
        InputError: the folder holds no run, a damaged cell, or no row whose cells are all there.
    """
    identities = read_identities(folder)
    rows = []
    for row in json.loads((folder / _ROWS).read_text(encoding="utf-8")):
        for fraction, (folds, n_trained) in row["cells"].items():
            names = [cell_name(float(fraction), fold) for fold in folds]
            found = identities.get(row["name"], {})
            if all(cell_state(folder, row["name"], name, found.get(name, "")) == "done" for name in names):
                files = tuple(cell_path(folder, row["name"], name).relative_to(folder).as_posix() for name in names)
                scores = read_scores(folder, row["name"], names)
                about = (row["name"], row["kind"], float(row["rate_hz"]), float(fraction), float(n_trained))
                rows.append(ScoredRow(*about, files, scores))
    if not rows:
        raise InputError("no row has all its cells", file=folder, expected="at least one", found="failures")
    return rows


@dataclass(frozen=True, eq=False)
class Resampling:
    """Weights of the records in every replicate of a bootstrap over patients within folds; the first is the sample."""

    weights: NDArray[np.float64]

    @classmethod
    def draw(cls, patients: Sequence[Any], folds: Sequence[int], n_replicates: int, seed: int) -> Resampling:
        """Draw patients with replacement within each fold.

        Args:
            patients: (record,) of each record; a patient's records are drawn together.
            folds: (record,) its fold.
            n_replicates: how many replicates.
            seed: of the draws.
        """
        generator = np.random.default_rng(seed)
        patient = np.unique(np.asarray(patients), return_inverse=True)[1]
        fold_of_patient = np.zeros(patient.max() + 1, np.int64)
        fold_of_patient[patient] = np.asarray(folds)
        counts = np.zeros((n_replicates, len(fold_of_patient)))
        for fold in np.unique(fold_of_patient):
            members = np.flatnonzero(fold_of_patient == fold)
            counts[:, members] = generator.multinomial(
                len(members), np.full(len(members), 1 / len(members)), n_replicates
            )
        return cls(np.vstack([np.ones(len(patient)), counts[:, patient]]))

    @classmethod
    def of_folder(cls, folder: Path, n_replicates: int, seed: int = 0) -> Resampling:
        """Draw for the records of a results folder."""
        table = pd.read_csv(folder / _RECORDS, dtype={"patient_id": str})
        return cls.draw(table["patient_id"].tolist(), table["fold"].tolist(), n_replicates, seed)


def untouched(folder: Path, rows: Sequence[ScoredRow], resampling: Resampling) -> tuple[list[ScoredRow], Resampling]:
    """Restrict rows and replicates to the patients of the first fold, on whom no recipe was chosen."""
    keep = np.flatnonzero(pd.read_csv(folder / _RECORDS)["fold"].to_numpy() == UNTOUCHED_FOLD)
    restricted = [
        replace(row, scores=SegmentationScores.of({name: part[keep] for name, part in row.scores.arrays().items()}))
        for row in rows
    ]
    return restricted, Resampling(resampling.weights[:, keep])


@dataclass(frozen=True, eq=False)
class ResampledRow:
    """A row's scores in every replicate; values are (replicate,), the first of the whole sample."""

    scores: SegmentationScores
    resampling: Resampling

    @cached_property
    def f1(self) -> Values:
        """(replicate, class) sample-wise F1 of all samples pooled: nothing, P, QRS, T."""
        confusion = self.scores.confusion.sum(axis=1).reshape(len(self.scores.rows), -1)
        return sample_f1((self.resampling.weights @ confusion).reshape(-1, 4, 4))

    @cached_property
    def dice(self) -> Values:
        """(replicate, class) mean over records of each record's Dice."""
        dice = sample_f1(self.scores.confusion.sum(axis=1))
        defined = np.isfinite(dice)
        weights = self.resampling.weights
        return ratio(weights @ np.where(defined, dice, 0), weights @ defined.astype(np.float64))

    @cached_property
    def boundary_f1(self) -> Values:
        """(replicate, boundary, tolerance) F1 of boundaries found."""
        counts = self.scores.detections.sum(axis=1)
        flat = counts.reshape(len(counts), -1).astype(np.float64)
        return f1_of_counts((self.resampling.weights @ flat).reshape(-1, *counts.shape[1:]))

    def macro_f1(self) -> Values:
        """Mean over the three waves."""
        return np.asarray(self.f1[:, 1:].mean(axis=1))

    def macro_dice(self) -> Values:
        """Mean over the three waves."""
        return np.asarray(self.dice[:, 1:].mean(axis=1))


def _interval(values: Values) -> Interval:
    return percentile_interval(float(values[0]), values[1:], LEVEL)


def _with_interval(name: str, values: Values) -> dict[str, float]:
    interval = _interval(values)
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def sample_table(rows: Sequence[ScoredRow], resampling: Resampling) -> pd.DataFrame:
    """Sample-wise F1 and Dice of every row and label fraction, with intervals.

    Columns: row, label_fraction, records (trained on), rate_hz, macro_f1 of P, QRS and T, the three, macro_dice of the
    three, macro_f1_with_nothing as fourth class (easier), cell.
    """

    def line(row: ScoredRow) -> dict[str, Any]:
        drawn = ResampledRow(row.scores, resampling)
        waves = {f"{wave}_f1": values for wave, values in zip(WAVES, drawn.f1[:, 1:].T, strict=True)}
        parts = {"macro_f1": drawn.macro_f1(), **waves, "macro_dice": drawn.macro_dice()}
        intervals = {
            key: value for name, values in parts.items() for key, value in _with_interval(name, values).items()
        }
        return row.facts() | intervals | {"macro_f1_with_nothing": float(drawn.f1[0].mean()), "cell": row.cell}

    return pd.DataFrame([line(row) for row in rows])


def boundary_table(rows: Sequence[ScoredRow], resampling: Resampling) -> pd.DataFrame:
    """Onsets and offsets of every row and label fraction.

    Columns: row, label_fraction, records, rate_hz, boundary, annotated, f1 (within the wave's own tolerance) with its
    interval, f1_150ms, mean_ms and sd_ms of the errors within 150 ms, sd_within_leads_ms, cse_sd_limit_ms, cell.
    """
    lines = []
    for row in rows:
        f1 = ResampledRow(row.scores, resampling).boundary_f1
        found = row.scores.detections[..., 1, 0]
        mean_ms, sd_ms, within_ms = pooled_errors(found, row.scores.error_sums)
        annotated = row.scores.detections[..., 0, :2].sum(axis=(0, 1, 3))
        lines += [
            row.facts() | {"boundary": boundary, "annotated": int(annotated[k])} | _with_interval("f1", f1[:, k, 0])
            | {
                "f1_150ms": float(f1[0, k, 1]),
                "mean_ms": float(mean_ms[k]),
                "sd_ms": float(sd_ms[k]),
                "sd_within_leads_ms": float(within_ms[k]),
                "cse_sd_limit_ms": CSE_SD_LIMIT_MS.get(boundary, float("nan")),
                "cell": row.cell,
            }
            for k, boundary in enumerate(BOUNDARIES)
        ]  # fmt: skip
    return pd.DataFrame(lines)


def comparison_table(
    rows: Sequence[ScoredRow], resampling: Resampling, pairs: Callable[[ScoredRow], ScoredRow | None]
) -> pd.DataFrame:
    """Difference in macro F1 of every row from the one it is compared with, on the same replicates, corrected by Holm.

    Args:
        rows: the rows.
        resampling: shared by both sides.
        pairs: what a row is compared with; None leaves it out.

    Returns:
        Columns: row, label_fraction, compared_with, difference with interval, p, p_holm, verdict, cell.
    """
    values = {id(row): ResampledRow(row.scores, resampling).macro_f1() for row in rows}
    compared = [(row, other) for row in rows if (other := pairs(row)) is not None]
    differences: Mapping[str, Difference[Interval]] = {
        str(number): _difference(values[id(row)] - values[id(other)]) for number, (row, other) in enumerate(compared)
    }
    corrected = holm_corrected(differences) if differences else {}
    lines = [
        {
            "row": row.name,
            "label_fraction": row.fraction,
            "compared_with": other.name,
            "difference": found.interval.estimate,
            "difference_low": found.interval.low,
            "difference_high": found.interval.high,
            "p": found.p_value,
            "p_holm": found.p_holm,
            "verdict": found.verdict,
            "cell": f"{row.cell};{other.cell}",
        }
        for (row, other), found in zip(compared, corrected.values(), strict=True)
    ]
    return pd.DataFrame(lines, columns=_COMPARED)


def _difference(values: Values) -> Difference[Interval]:
    return Difference(interval=_interval(values), p_value=bootstrap_p_value(values[1:]))


def against_scratch(rows: Sequence[ScoredRow], scratch: Sequence[str]) -> Callable[[ScoredRow], ScoredRow | None]:
    """Compare each network with the one from scratch at its own rate and label fraction.

    Args:
        rows: all rows.
        scratch: names of those from scratch.
    """
    start = {(row.rate_hz, row.fraction): row for row in rows if row.name in scratch}

    def pair(row: ScoredRow) -> ScoredRow | None:
        return None if row.kind == "floor" or row.name in scratch else start.get((row.rate_hz, row.fraction))

    return pair
