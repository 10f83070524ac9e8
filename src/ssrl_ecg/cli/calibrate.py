"""``ssrl-ecg calibrate``: what a classifier's answers are worth, learned from validation records."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tyro

from ssrl_ecg.cli.calibration_table import calibration_table
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Rows
from ssrl_ecg.files import jsonable
from ssrl_ecg.predict.fitting import fit_reliability
from ssrl_ecg.predict.measured import measure_reliability
from ssrl_ecg.training.checkpoint import load_classifier, save_checkpoint
from ssrl_ecg.training.provenance import data_facts, refuse_seen


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """Learn what a classifier's answers are worth, and write it into its checkpoint.

    From validation folds: calibrated probabilities, label sets, and units of strangeness; from training folds, whose
    labels are not read: what ordinary recordings look like. On test folds it is measured whether the promises hold.
    """

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint of a classifier."""
    data: LabelledDataOptions
    folds: FoldOptions = field(default_factory=FoldOptions)
    out: Path | None = None
    """Checkpoint to write; without it the given one is replaced."""
    seed: int = 42
    """Of the faults that are simulated on test records."""
    json: bool = False
    """Print JSON instead of tables."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(CalibrateOptions, argv, "ssrl-ecg calibrate")
    checkpoint = load_classifier(options.checkpoint)
    store = options.data.build(checkpoint.preprocessing.sampling_rate_hz).store
    labels = store.labels(options.data.label_set or checkpoint.label_set)
    split = options.folds.split(store)
    refuse_seen(checkpoint.provenance, store, validation=split.validation, test=split.test)
    validation, test = (_known(labels, rows) for rows in (split.validation, split.test))
    reliability = fit_reliability(checkpoint, store, labels, split.train, validation)
    generator = np.random.default_rng(options.seed)
    measured = measure_reliability(checkpoint, reliability, store, labels, test, generator=generator)
    facts = {
        **reliability.facts,
        "data": data_facts(store),
        "folds": {
            "training": options.folds.train_folds,
            "validation": options.folds.val_folds,
            "test": options.folds.test_folds,
        },
        "test": measured,
    }
    stored = replace(reliability, facts=jsonable(facts)).stored()
    save_checkpoint(options.out or options.checkpoint, replace(checkpoint, reliability=stored))
    print(json.dumps(jsonable(facts), indent=1) if options.json else calibration_table(jsonable(facts)))
    return DONE


def _known(labels: Labels, rows: Rows) -> Rows:
    return rows[labels.known[rows]]
