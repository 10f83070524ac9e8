"""Every trial behind the segmenters: trained and judged on training patients of the benchmark's first fold, all logged.

    python benchmarks/choose_segmentation.py --data LUDB --encoder simclr.safetensors [--only NAME ...]

Writes results/trials/segmentation.json, one entry per trial; entries already there are not repeated. The first fold's
test patients are never looked at; those of the other folds are among the training patients here, so that the
benchmark reports the first fold apart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.plans import EncoderPlan
from ssrl_ecg.evaluation.segmentation.arms import SegmenterArm, pretrained_arm, train_arm
from ssrl_ecg.evaluation.segmentation.data import SegmentationTask, read_task
from ssrl_ecg.evaluation.segmentation.jobs import score_network
from ssrl_ecg.evaluation.segmentation.presets import scratch_arm
from ssrl_ecg.evaluation.segmentation.scores import BOUNDARIES, SegmentationScores, f1_of_counts
from ssrl_ecg.files import write_json
from ssrl_ecg.metrics.segmentation import record_dice, sample_f1
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.signals.waves import WAVES
from ssrl_ecg.training.run import git_commit, tune_allocator
from ssrl_ecg.training.segment import FINETUNING, FROZEN

RESULTS = Path(__file__).parents[1] / "results" / "trials" / "segmentation.json"
FOLD, JUDGE_SEED = 1, 43
RESNET = EncoderPlan(kind=ResNet1D, config=ResNetConfig())


def trials(encoder: Path | None) -> dict[str, SegmenterArm]:
    """What is tried, by name."""
    scratch, single = scratch_arm(RESNET, "all"), scratch_arm(RESNET, "single")
    made = {
        "all leads": scratch,
        "all leads, each at its scale of the training records": replace(
            scratch, preprocessing=replace(scratch.preprocessing, normalisation="dataset")
        ),
        "all leads, half the passes": _trained(scratch, passes=scratch.training.passes / 2),
        "all leads, twice the passes": _trained(scratch, passes=scratch.training.passes * 2),
        "single leads": single,
        "single leads, without Dice": _trained(single, dice_weight=0.0),
    }
    if encoder is not None:
        tuned = pretrained_arm("fine-tuned", encoder, FINETUNING)
        made |= {
            "fine-tuned": tuned,
            "fine-tuned, one rate": _trained(tuned, encoder_rate_factor=1.0, learning_rate=3e-3),
            "frozen": replace(tuned, training=FROZEN),
        }
    return made


def _trained(arm: SegmenterArm, **changes: float) -> SegmenterArm:
    return replace(arm, training=replace(arm.training, **changes))


def judged_rows(task: SegmentationTask) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to judge on, all among the training patients of the first fold."""
    rows = np.flatnonzero(task.folds != FOLD)
    part = stratified_folds(task.labels.values[rows], task.patients[rows], 5, JUDGE_SEED)
    return rows[part != 1], rows[part == 1]


def summary(scores: SegmentationScores) -> Mapping[str, object]:
    """The numbers that choices look at."""
    f1 = sample_f1(scores.confusion.sum(axis=(0, 1)))
    boundaries = f1_of_counts(scores.detections.sum(axis=(0, 1))[:, 0])
    return {
        "macro_f1": round(float(f1[1:].mean()), 4),
        **{f"{wave}_f1": round(float(value), 4) for wave, value in zip(WAVES, f1[1:], strict=True)},
        "macro_dice": round(float(record_dice(scores.confusion.sum(axis=1))[1:].mean()), 4),
        "boundary_f1": {name: round(float(value), 4) for name, value in zip(BOUNDARIES, boundaries, strict=True)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of LUDB")
    parser.add_argument("--encoder", type=Path, help="checkpoint of a pretrained encoder of all leads")
    parser.add_argument("--only", nargs="*", help="names of trials; without it all")
    words = parser.parse_args()
    tune_allocator()
    task = read_task(LUDB(words.data))
    entries = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    trained, judged = judged_rows(task)
    for name, arm in trials(words.encoder).items():
        identity = identity_of(arm.settings(), task.fingerprint, trained, judged)
        if (words.only and name not in words.only) or any(entry.get("identity") == identity for entry in entries):
            continue
        began = time.process_time()
        unet, fed = train_arm(arm, task.records_at(arm.preprocessing.sampling_rate_hz).take(trained), progress=True)
        spent_s = time.process_time() - began
        scores = summary(score_network(unet, fed, task, judged))
        entries.append({"identity": identity, "name": name, "settings": arm.settings(), **scores,
                        "n_trained": len(trained), "n_judged": len(judged), "training_processor_s": round(spent_s, 1),
                        "commit": git_commit()})  # fmt: skip
        write_json(RESULTS, entries)
        print(name, scores)


if __name__ == "__main__":
    main()
