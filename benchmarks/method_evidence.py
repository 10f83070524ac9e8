"""Does each method learn what it says? Its frozen probe against its own random encoder, and against a broken twin.

On simulated recordings each method is pretrained as its preset says, for fewer passes, and once more with the positives
of every record swapped for another's: the second view, the targets, the hidden part. A method that learns from its
positives beats its own untrained encoder (paired 95 % interval above 0) and loses that gain with the wrong ones; what
then remains is what a network learns from the statistics of signals alone.

    python benchmarks/method_evidence.py [--methods NAME ...]

The recordings are simulated here. Results of methods that are not asked for stay as they are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import SEED, Outcome, Sample, arguments, at_least, prepare, publish, timed
from torch import Tensor

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import nested_subsets
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.methods import METHODS, Method, ViewBatch
from ssrl_ecg.metrics.comparison import paired_bootstrap
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores
from ssrl_ecg.models import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import pretrain
from ssrl_ecg.training.probe import cross_validated_probe
from ssrl_ecg.training.statistics import take_statistics, training_windows

N_RECORDS, TRAIN_FOLDS, EPOCHS = 2000, (1, 2, 3, 4, 5, 6), 25
N_LABELS, N_SUBSETS, REPLICATES = 128, 5, 2000
BF16 = Compute(precision="bf16", accelerator="cpu")
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)


def permuted(kind: type[Method]) -> type[Method]:
    """Return the method whose positives belong to the record before in the batch."""

    class Permuted(kind):  # type: ignore[misc, valid-type]
        def loss(self, batch: ViewBatch, generator: torch.Generator) -> Any:
            return super().loss(swapped(batch), generator)

    return Permuted


def swapped(batch: ViewBatch) -> ViewBatch:
    """Give every record the positives of another: all views but the first, or the target of its only view; targets."""

    def roll(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.roll(1, dims=0)

    def roll_all(values: tuple[Tensor, ...] | None) -> tuple[Tensor, ...] | None:
        return None if values is None else tuple(one.roll(1, dims=0) for one in values)

    others = batch.views[1:] or batch.views
    return replace(
        batch,
        views=(batch.views[0], *(view.roll(number + 1, dims=0) for number, view in enumerate(others))),
        patients=None if batch.patients is None else torch.arange(len(batch.rows)),
        targets=roll(batch.targets),
        masks=roll_all(batch.masks),
    )


def scores(store: RecordStore, features: np.ndarray, train: np.ndarray, test: np.ndarray) -> ModelScores:
    """Logits of the test records from probes on subsets of the training records' labels."""
    labels, patients = store.labels("super"), store.records["patient_id"].to_numpy()
    fraction, logits = N_LABELS / len(train), []
    for seed in range(SEED, SEED + N_SUBSETS):
        rows = nested_subsets(labels, patients, [fraction], seed, rows=train)[fraction]
        probe = cross_validated_probe(features, labels, rows, patients, seed)
        logits.append(probe.logits(features[test]))
    return ModelScores(np.stack(logits))


class Bench:
    """A simulated cohort with its folds."""

    def __init__(self, folder: Path, n_records: int) -> None:
        root = write_synthetic_ptbxl(folder / "cohort", n_records=n_records, seed=SEED)
        self.store = build_store(PTBXL(root), folder / "store").store
        fold = self.store.records["fold"].to_numpy()
        self.train, self.test = np.flatnonzero(np.isin(fold, TRAIN_FOLDS)), np.flatnonzero(~np.isin(fold, TRAIN_FOLDS))
        self.preprocessing = PREPROCESSING.fitted([self.store.read_mv(self.train)])
        table = self.store.records.iloc[self.test]
        labels = self.store.labels("super")
        targets = labels.values[self.test]
        self.records = EvaluatedRecords(targets, table["patient_id"].to_numpy(), np.zeros(len(targets)), labels.classes)

    def encoder(self, name: str) -> Encoder:
        """The untrained encoder of a method, with batch-norm statistics of training windows."""
        torch.manual_seed(SEED)
        windows = training_windows(self.preprocessing, self.store, self.train, SEED)
        return take_statistics(preset(name).encoder_options().build(), windows)

    def pretrained(self, name: str, kind: type[Method], epochs: int) -> Encoder:
        """Pretrain by the preset, for ``epochs`` passes."""
        chosen = preset(name)
        return pretrain(
            lambda: kind(chosen.encoder_options().build(), kind.Config()),
            self.store,
            self.train,
            preprocessing=self.preprocessing,
            recipe=RECIPES[chosen.recipe](),
            config=replace(chosen.schedule, epochs=epochs, seed=SEED),
            compute=BF16,
            facts=record_facts(self.store, kind.needs, self.train),
            progress=False,
        ).encoder

    def scores(self, encoder: Encoder) -> ModelScores:
        """Probe a frozen encoder."""
        features = embed(encoder, self.preprocessing, self.store, np.arange(len(self.store)))
        return scores(self.store, features, self.train, self.test)

    def difference(self, first: ModelScores, second: ModelScores) -> dict[str, Any]:
        """Paired difference of macro AUROC with its interval."""
        compared = paired_bootstrap(
            self.records, first, second, generator=np.random.default_rng(SEED), n_replicates=REPLICATES
        )
        interval = compared.macro.interval
        return {"difference": interval.estimate, "low": interval.low, "high": interval.high}


def judge(bench: Bench, name: str, epochs: int) -> dict[str, Any]:
    """Pretrain one method right and with swapped positives; compare both with its untrained encoder."""
    kind = METHODS[name]
    untrained = bench.scores(bench.encoder(name))
    encoder, cost = timed(lambda: bench.pretrained(name, kind, epochs))
    right, wrong = bench.scores(encoder), bench.scores(bench.pretrained(name, permuted(kind), epochs))
    return {
        "gain": bench.difference(right, untrained),
        "gain_permuted": bench.difference(wrong, untrained),
        "right_over_permuted": bench.difference(right, wrong),
        "pretraining_processor_s": cost.processor_s,
        "encoder": preset(name).encoder,
    }


def run(
    _: Sample, names: Iterable[str] = tuple(METHODS), *, n_records: int = N_RECORDS, epochs: int = EPOCHS,
    earlier: dict[str, Any] | None = None,
) -> Outcome:  # fmt: skip
    """Judge methods on one cohort; ``earlier`` results of others are kept."""
    measured = dict(earlier or {})
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), n_records)
        for name in names:
            measured[name] = judge(bench, name, epochs)
            print(name, measured[name], flush=True)
    measured = {name: measured[name] for name in sorted(measured)}
    return {
        "data": f"{n_records} simulated records, folds 1-6 trained on, the others tested",
        "config": {"epochs": epochs, "labels": N_LABELS, "subsets": N_SUBSETS, "preprocessing": PREPROCESSING},
        "measured": measured,
        "bars": [
            bar
            for name, one in measured.items()
            for bar in (
                at_least(f"{name}: lower end of its gain over its untrained encoder", one["gain"]["low"], 0),
                at_least(f"{name}: lower end of right over swapped positives", one["right_over_permuted"]["low"], 0),
            )
        ],
    }


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=tuple(METHODS))
    chosen = parser.parse_args()
    target = chosen.results / "method_evidence.json"
    known = json.loads(target.read_text(encoding="utf-8"))["measured"] if target.exists() else {}
    publish(
        chosen.results, "method_evidence", prepare(chosen.data, chosen.store),
        lambda sample: run(sample, chosen.methods, earlier=known),
    )  # fmt: skip
