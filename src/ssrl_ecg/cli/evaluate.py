"""``ssrl-ecg evaluate``: what a classifier is worth on test records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.evaluation_table import evaluation_table
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.splits import parse_folds, split_by_folds
from ssrl_ecg.evaluation.corruption import CorruptedStore, Corruption
from ssrl_ecg.evaluation.evaluate import evaluate_model
from ssrl_ecg.training.checkpoint import load_classifier
from ssrl_ecg.training.provenance import refuse_seen


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Judge a classifier on test folds: ranking, decisions at its own thresholds, calibration.

    Intervals are percentile bootstrap intervals over patients, drawn within folds. Refused are folds that the
    classifier or its encoder were trained on, and those that steps, penalty or thresholds were chosen on.
    """

    checkpoint: Path
    """Checkpoint of a classifier; it brings its preprocessing, classes and thresholds."""
    data: LabelledDataOptions
    test_folds: str = "10"
    """Folds to judge it on, such as 10 or 7-9."""
    n_replicates: int = 1000
    """Bootstrap replicates."""
    batch_size: int = 64
    """Recordings scored at a time."""
    noise_std: float = 0.0
    """SD in mV of noise that is added to every recording."""
    mask_ratio: float = 0.0
    """Share of every recording, in one block, that is set to 0 in all leads."""
    seed: int = 42
    """Of bootstrap, noise and masks."""
    json: bool = False
    """Print JSON, with calibration curves and all intervals, instead of tables."""


def main(argv: list[str]) -> int:
    """Run the command."""
    run_evaluation(parse(EvaluateOptions, argv, "ssrl-ecg evaluate"))
    return DONE


def run_evaluation(options: EvaluateOptions) -> None:
    """Score, measure, print."""
    corruption = Corruption(noise_sd_mv=options.noise_std, mask_fraction=options.mask_ratio, seed=options.seed)
    checkpoint = load_classifier(options.checkpoint)
    store = options.data.build(checkpoint.preprocessing.sampling_rate_hz).store
    rows = split_by_folds(store.records, parse_folds(options.test_folds), (), ()).train
    refuse_seen(checkpoint.provenance, store, test=rows)
    evaluation = evaluate_model(
        checkpoint,
        store if corruption.is_none else CorruptedStore.of(store, corruption),
        rows,
        store.labels(options.data.label_set or checkpoint.label_set),
        generator=np.random.default_rng(options.seed),
        n_replicates=options.n_replicates,
        batch_size=options.batch_size,
        progress=True,
    )
    if options.json:
        print(json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False))
    else:
        print(evaluation_table(evaluation))
