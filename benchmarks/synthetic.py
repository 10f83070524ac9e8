"""The synthetic cohort: how fast it is simulated, and whether learning from few of its labels is neither hopeless nor
trivial.

Simulation is timed alone; writing is what a whole cohort on disk costs beyond it. The AUROC is that of the supervised
reference of the comparison: a ResNet from scratch on 10 % of the labels of folds 1-8, the step chosen on fold 9,
judged on fold 10. It says that the cohort is fit for demonstrations and tests, and nothing about patients.

    python benchmarks/synthetic.py
"""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import SEED, Outcome, Sample, Side, at_least, at_most, in_turn, main, median_us

from ssrl_ecg.augmentations.recipes import crop_timeout
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.splits import nested_subsets, split_by_folds
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.arms import Task, TrainedArm
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.selection import validation_auroc

N_RECORDS, N_SUBSETS, FRACTION, REPEATS = 2000, 3, 0.1, 7
SAMPLING_RATE_HZ, DURATION_S = 100.0, 10.0
ENCODER = ResNetConfig(width=32)
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)
CLASSIFY = ClassifyConfig(steps=160, patience=160, weight_decay=0.1, seed=SEED)


def speed(folder: Path, n_records: int, repeats: int) -> dict[str, Any]:
    """Time simulating a cohort's signals and, in turn, writing a whole cohort, which replaces the last repeat's."""
    generator = np.random.default_rng(SEED)
    simulated = partial(
        simulate, n_records, generator=generator, sampling_rate_hz=SAMPLING_RATE_HZ, duration_s=DURATION_S
    )
    costs = in_turn(
        {
            "simulated": Side(simulated, n_records),
            "simulated and written": Side(
                partial(write_synthetic_ptbxl, folder, n_records, SEED, round(SAMPLING_RATE_HZ)), n_records
            ),
        },
        repeats,
    )
    us_per_record = {name: median_us(side) for name, side in costs.items()}
    writing = statistics.median(
        whole.processor_s - simulation.processor_s
        for simulation, whole in zip(costs["simulated"], costs["simulated and written"], strict=True)
    )
    return {
        "us_per_record": us_per_record,
        "writing_us_per_record": 1e6 * writing,
        "simulated_records_per_s": 1e6 / us_per_record["simulated"]["processor"],
        "repeats": repeats,
    }


def aurocs(cohort: Sample, encoder: ResNetConfig, config: ClassifyConfig, n_subsets: int) -> dict[str, Any]:
    """Train from scratch on each label subset, and judge on the test fold."""
    store, labels = cohort.store, cohort.store.labels("super")
    split = split_by_folds(store.records, range(1, 9), [9], [10])
    arm = TrainedArm(
        name="supervised",
        family="supervised",
        make_encoder=lambda _: ResNet1D(encoder),
        preprocessing=cohort.fitted(PREPROCESSING, split.train),
        recipe=crop_timeout(),
        config=config,
    )
    patients, of_subsets, n_labelled = store.records["patient_id"].to_numpy(), [], []
    for seed in range(SEED, SEED + n_subsets):
        rows = nested_subsets(labels, patients, [FRACTION], seed, rows=split.train)[FRACTION]
        scores = arm.run(Task(store, labels, rows, [split], seed))[0]
        of_subsets.append(validation_auroc(labels, split.test, scores.test))
        n_labelled.append(len(rows))
    return {"labelled_records": n_labelled, "auroc": statistics.mean(of_subsets), "auroc_of_subsets": of_subsets}


def run(
    _: Sample,
    *,
    n_records: int = N_RECORDS,
    repeats: int = REPEATS,
    encoder: ResNetConfig = ENCODER,
    classify_config: ClassifyConfig = CLASSIFY,
    n_subsets: int = N_SUBSETS,
) -> Outcome:
    """Measure both on a cohort of its own; no recordings are used."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = speed(folder / "cohort", n_records, repeats)
        cohort = Sample(folder / "cohort", build_store(PTBXL(folder / "cohort"), folder / "store").store)
        learned = aurocs(cohort, encoder, classify_config, n_subsets)
    what = "macro AUROC at 10 % of the labels of the synthetic cohort"
    return {
        "data": f"synthetic, {n_records:,} simulated records, no recordings",
        "config": {
            "sampling_rate_hz": SAMPLING_RATE_HZ,
            "duration_s": DURATION_S,
            "encoder": encoder,
            "preprocessing": PREPROCESSING,
            "recipe": crop_timeout().to_dict(),
            "classify": classify_config,
            "label_fraction": FRACTION,
            "training_folds": "1-8",
            "validation_fold": 9,
            "judged_on_fold": 10,
        },
        "measured": measured | learned,
        "bars": [
            at_least("records simulated per second of processor time", measured["simulated_records_per_s"], 2000),
            at_least(what, learned["auroc"], 0.75),
            at_most(what, learned["auroc"], 0.92),
        ],
    }


if __name__ == "__main__":
    main("synthetic", __doc__, run)
