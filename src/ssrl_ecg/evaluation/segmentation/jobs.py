"""The cells of the segmentation protocol as jobs: one fold of one row at one label fraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import cell_path, identity_of, read_cell
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.segmentation.arms import SegmenterArm, filled, simulated_weights, train_arm
from ssrl_ecg.evaluation.segmentation.data import SCORING_RATE_HZ, SegmentationTask
from ssrl_ecg.evaluation.segmentation.delineators import DelineatorArm
from ssrl_ecg.evaluation.segmentation.scores import SegmentationScores, score
from ssrl_ecg.models.unet import UNet
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.waves import wave_mask, waves_from_mask
from ssrl_ecg.training.segment import segment

VERSION = 1
"""Of what a cell holds and how it is made; raised when either changes."""

_WEIGHTS = "weights"


def cell_name(fraction: float, fold: int) -> str:
    """Name of a row's cell, such as ``10pct-fold3``."""
    return f"{100 * fraction:g}pct-fold{fold}"


def make_jobs(arms: Sequence[SegmenterArm | DelineatorArm], task: SegmentationTask, folder: Path) -> list[CellJob]:
    """List every cell of these rows.

    Args:
        arms: rows of the tables.
        task: the records.
        folder: results folder, in which rows find the training on simulated records that they start from.
    """
    jobs: list[CellJob] = []
    for arm in arms:
        if isinstance(arm, DelineatorArm):
            jobs.append(_floor_job(arm, task))
            continue
        start = None if arm.simulated is None else _simulated_job(arm)
        jobs += [] if start is None else [start]
        jobs += [
            CellJob(
                group=arm.name,
                name=cell_name(fraction, fold),
                identity=identity_of(VERSION, arm.settings(), task.fingerprint, *_rows(task, fold, fraction)),
                compute=partial(run_segmenter, arm, task, fold, fraction, folder),
                needs=() if start is None else (start.key,),
            )
            for fraction in arm.fractions
            for fold in range(1, task.n_folds + 1)
        ]
    return jobs


def _rows(task: SegmentationTask, fold: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows that a cell trains on, and those that it tests."""
    trained = task.trained(fold, fraction) if fraction else np.empty(0, np.int64)
    return trained, task.tested(fold)


def _simulated_job(arm: SegmenterArm) -> CellJob:
    identity = identity_of(VERSION, arm.settings(), signals_version())
    return CellJob(f"{arm.name}: start", _WEIGHTS, identity, partial(simulated_weights, arm), many_threads=True)


def _floor_job(arm: DelineatorArm, task: SegmentationTask) -> CellJob:
    rows = np.arange(len(task.folds))
    identity = identity_of(VERSION, dict(arm.settings), signals_version(), task.fingerprint, rows)
    return CellJob(arm.name, cell_name(0.0, 0), identity, partial(run_delineator, arm, task, rows))


def run_segmenter(
    arm: SegmenterArm, task: SegmentationTask, fold: int, fraction: float, folder: Path
) -> Mapping[str, Any]:
    """Train a row on a fraction of a fold's training patients and score it on the fold's test patients."""
    trained, tested = _rows(task, fold, fraction)
    start = read_cell(cell_path(folder, f"{arm.name}: start", _WEIGHTS))[0] if arm.simulated else None
    if fraction:
        records = task.records_at(arm.preprocessing.sampling_rate_hz).take(trained)
        unet, fed = train_arm(arm, records, start)
    else:
        unet, fed = filled(arm.build(), start or {}), arm.preprocessing
    return score_network(unet, fed, task, tested).arrays()


def score_network(
    unet: UNet, preprocessing: Preprocessing, task: SegmentationTask, rows: NDArray[np.int64]
) -> SegmentationScores:
    """Score a network on these records, at LUDB's own rate."""
    signal_mv = task.records_at(preprocessing.sampling_rate_hz).signal_mv[rows]
    masks = segment(unet, preprocessing, signal_mv, SCORING_RATE_HZ)
    waves = [[waves_from_mask(mask, SCORING_RATE_HZ) for mask in leads] for leads in masks]
    return score(rows, [task.database.leads[row] for row in rows], task.truth[rows], masks, waves)


def run_delineator(arm: DelineatorArm, task: SegmentationTask, rows: np.ndarray) -> Mapping[str, Any]:
    """Score a floor on these records, at LUDB's own rate."""
    database = task.database
    waves = [arm.delineate(database.signal_mv[row], database.sampling_rate_hz) for row in rows]
    n_samples = task.truth.shape[-1]
    masks = np.array([[wave_mask(lead, n_samples, SCORING_RATE_HZ) for lead in leads] for leads in waves])
    return score(rows, [database.leads[row] for row in rows], task.truth[rows], masks, waves).arrays()


def read_scores(folder: Path, group: str, names: Sequence[str]) -> SegmentationScores:
    """Read the scores of a row's cells, all folds together."""
    parts = [SegmentationScores.of(read_cell(cell_path(folder, group, name))[0]) for name in names]
    return SegmentationScores.joined(parts)
