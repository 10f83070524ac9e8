"""``ssrl-ecg segment train``: a segmenter of P, QRS and T from LUDB's marks, fresh or on a pretrained encoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.cli.training_run import run_folder
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.plans import EncoderPlan
from ssrl_ecg.evaluation.segmentation.arms import (
    SegmenterArm,
    SimulatedMarks,
    pretrained_arm,
    simulated_weights,
    train_arm,
)
from ssrl_ecg.evaluation.segmentation.data import read_task
from ssrl_ecg.evaluation.segmentation.jobs import score_network
from ssrl_ecg.evaluation.segmentation.presets import SINGLE_WIDTH, scratch_arm
from ssrl_ecg.evaluation.segmentation.scores import sample_sentence
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.training.checkpoint import SegmenterCheckpoint, save_checkpoint
from ssrl_ecg.training.run import git_commit, run_record, tune_allocator, versions, without_folders
from ssrl_ecg.training.segment import FINETUNING


@dataclass(frozen=True, kw_only=True)
class SegmentTrainOptions:
    """Train a U-Net that tells P, QRS and T of every lead, and write its checkpoint.

    A fold can be left out to judge it: the folds are those of ssrl-ecg benchmark segmentation. The exit code is 3 when
    leads or records had to be left out.
    """

    data: Path
    """Folder of LUDB (ludb.csv and data)."""
    out: Path
    """Checkpoint to write; beside it OUT.run with run.json and history.csv."""
    checkpoint: Path | None = None
    """Pretrained encoder to start from; without it from scratch."""
    freeze_encoder: bool = False
    """Train the decoder alone."""
    leads: Literal["all", "single"] = "all"
    """The encoder reads all leads together, or every lead by itself."""
    encoder: EncoderOptions = field(default_factory=EncoderOptions)
    """Encoder of a training from scratch."""
    sampling_rate_hz: float | None = None
    """Rate of a training from scratch; without it 100 for all leads, 250 for single ones."""
    simulated_records: int = 0
    """Train on so many simulated records first, whose waves are known."""
    leave_out_fold: int | None = None
    """Fold of 5 that is not trained on, but scored."""
    steps: int | None = None
    """Optimiser steps; without it as the benchmark trains."""
    seed: int = 42
    """Seed of initialisation, order, crops and simulation; folds are always the benchmark's."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(SegmentTrainOptions, argv, "ssrl-ecg segment train")
    return run_training(options, ["ssrl-ecg", "segment", "train", *argv])


def planned(options: SegmentTrainOptions) -> SegmenterArm:
    """Build what is to be trained.

    Raises:
        InputError: options that do not go together, or a checkpoint that cannot be used.
    """
    if options.checkpoint is None:
        encoder = EncoderPlan(kind=ENCODERS[options.encoder.encoder], config=options.encoder.config())
        width = options.encoder.encoder_width
        arm = scratch_arm(encoder, options.leads, options.sampling_rate_hz, single_width=width or SINGLE_WIDTH)
    else:
        arm = pretrained_arm("pretrained", options.checkpoint, FINETUNING)
    read = arm.encoder.config.n_leads
    if (read == 1) != (options.leads == "single"):
        expected = "single" if read == 1 else "all"
        raise InputError("the encoder reads leads otherwise", field="--leads", expected=expected, found=options.leads)
    changes: dict[str, Any] = {"seed": options.seed, "trainable": "decoder" if options.freeze_encoder else "all"}
    changes |= {} if options.steps is None else {"steps": options.steps, "passes": 0.0}
    return replace(arm, training=replace(arm.training, **changes))


def run_training(options: SegmentTrainOptions, command: list[str]) -> int:
    """Train, write the checkpoint, score the fold that was left out."""
    if options.out.is_dir():
        raise InputError("the checkpoint is to be a file", field="--out", found=f"the folder {options.out}")
    tune_allocator()
    arm = planned(options)
    arm.build()  # refuses an encoder that cannot carry masks before anything is read
    task, left_out = read_task(LUDB(options.data)), options.leave_out_fold
    if left_out is not None and not 1 <= left_out <= task.n_folds:
        raise InputError("no such fold", field="--leave-out-fold", expected=f"1 to {task.n_folds}", found=left_out)
    rows = np.flatnonzero(task.folds != (left_out or 0))
    facts = {"source": LUDB.name, "root_name": options.data.name, "fingerprint": task.fingerprint}
    with run_record(run_folder(options.out), command=command, config=options, seed=options.seed, data=facts):
        simulated = replace(arm, simulated=SimulatedMarks(n_records=max(1, options.simulated_records)))
        start = simulated_weights(simulated, progress=True) if options.simulated_records else None
        records = task.records_at(arm.preprocessing.sampling_rate_hz).take(rows)
        unet, preprocessing = train_arm(arm, records, start, folder=run_folder(options.out), progress=True)
        seen = facts | {"records": task.database.records["record_id"].iloc[rows].tolist()}
        provenance = {"command": without_folders(command), "settings": arm.settings(), "seen": [seen],
                      "commit": git_commit(), "versions": versions()}  # fmt: skip
        save_checkpoint(options.out, SegmenterCheckpoint(unet, preprocessing, provenance))
    print(f"checkpoint: {options.out}\nrecord and history: {run_folder(options.out)}", flush=True)
    if left_out is not None:
        scores = score_network(unet, preprocessing, task, task.tested(left_out))
        print(f"fold {left_out}: {sample_sentence(scores)}")
    print(*task.problems, sep="\n", end="\n" if task.problems else "")
    return INCOMPLETE if task.problems else DONE
