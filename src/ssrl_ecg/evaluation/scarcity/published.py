"""``LabelScarcityBenchmark`` under its published name, methods and defaults (SSRL-ECG).

Three tracks on PTB-XL's superclasses, folds 1-8 / 9 / 10 at 100 Hz: a supervised baseline, a pretrained encoder
fine-tuned, and the same frozen. Recipe as published: binary cross-entropy, 5e-4 with the rate halved after five looks
without a better validation loss, weight decay 1e-5, gradient norm 1, at most so many epochs, patience 10. What differs:
every cell starts from a fresh copy of the encoder, the same labelled records serve all tracks and lie inside each
other, the baseline has the architecture and input of the pretrained encoder, everything drawn follows from the seed,
the best weights are judged instead of the last, and cells are files, so that a run can be resumed and recomputed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import Rows, Split, nested_subsets, split_by_folds
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.evaluation.cells import Failure, failures_of
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, prepare_design
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.scarcity.page import write_label_scarcity
from ssrl_ecg.evaluation.scarcity.results import make_label_scarcity, published_shape
from ssrl_ecg.evaluation.summary import ResultsFolder
from ssrl_ecg.files import atomic_path, write_json
from ssrl_ecg.metrics.calibration import probabilities_from_logits
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import Confusion, auroc, decide
from ssrl_ecg.metrics.thresholds import f1_thresholds
from ssrl_ecg.models import Classifier, ConcatPoolHead, ConcatPoolHeadConfig, ImprovedECGConfig, ImprovedECGEncoder
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint, load_encoder
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import module_hash, predict_logits
from ssrl_ecg.training.provenance import describe_weights, refuse_seen
from ssrl_ecg.training.run import as_config, run_record

SAMPLING_RATE_HZ = 100.0
TRACKS = {"supervised": "supervised", "ssl_finetuned": "SSL fine-tuned", "ssl_frozen": "SSL frozen"}
"""Published name of a track -> row name."""
BATCH_SIZE = 32
PATIENCE = 10
SSL_NAME = "ssl_masked"
"""Checkpoint that is looked for, with either ending."""
_BATCH = 256
_N_REPLICATES = 2000
_RECIPE = ClassifyConfig(
    learning_rate=5e-4, weight_decay=1e-5, schedule="plateau", plateau_patience=5, clip_norm=1.0, loss="bce", passes=0,
    patience=PATIENCE,
)  # fmt: skip


class LabelScarcityBenchmark:
    """What a pretrained encoder buys on PTB-XL when labels are scarce.

    Args:
        data_root: folder of PTB-XL.
        checkpoint_dir: folder with ``ssl_masked.safetensors`` (or ``.pt``); without it the supervised track runs alone.
        results_dir: folder of the results, made if missing.
        store: folder of the store that the recordings are read into once; None for ``store/NAME-100hz``.
        train_folds: folds that are trained on.
        val_folds: folds by which training stops, and thresholds are chosen.
        test_folds: folds that are kept apart.
    """

    def __init__(
        self,
        data_root: str | Path = "data/PTB-XL",
        checkpoint_dir: str | Path = "checkpoints",
        results_dir: str | Path = "label_scarcity_results",
        *,
        store: str | Path | None = None,
        train_folds: Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8),
        val_folds: Sequence[int] = (9,),
        test_folds: Sequence[int] = (10,),
    ) -> None:
        self.data_root, self.checkpoint_dir, self.results_dir = Path(data_root), Path(checkpoint_dir), Path(results_dir)
        self._store_folder, self._folds = store, (train_folds, val_folds, test_folds)

    @cached_property
    def store(self) -> RecordStore:
        """The recordings, read once."""
        place = self._store_folder or Path("store") / f"{self.data_root.resolve().name}-{SAMPLING_RATE_HZ:g}hz"
        return build_store(PTBXL(self.data_root, int(SAMPLING_RATE_HZ)), Path(place), progress=True).store

    @cached_property
    def labels(self) -> Labels:
        """The five superclasses."""
        return self.store.labels("super")

    @cached_property
    def split(self) -> Split:
        """Rows of the training, validation and test folds."""
        return split_by_folds(self.store.records, *self._folds)

    def load_ssl_pretrained(self, checkpoint_path: str | Path | None = None) -> EncoderCheckpoint | None:
        """Read a pretrained encoder.

        Args:
            checkpoint_path: None looks for ``ssl_masked`` in the folder of checkpoints.

        Returns:
            The encoder and what it must be fed; None if none was named and none is there.

        Raises:
            InputError: the file is missing or damaged, or the encoder has seen the validation or test folds.
        """
        path = checkpoint_path
        if path is None:
            found = [self.checkpoint_dir / f"{SSL_NAME}{ending}" for ending in (".safetensors", ".pt")]
            path = next((one for one in found if one.is_file()), None)
            if path is None:
                return None
        checkpoint = load_encoder(path, preprocessing=self._plain_input)
        if checkpoint.preprocessing.sampling_rate_hz != SAMPLING_RATE_HZ:
            found_hz = checkpoint.preprocessing.sampling_rate_hz
            raise InputError("encoder of another rate", file=path, expected=f"{SAMPLING_RATE_HZ} Hz", found=found_hz)
        refuse_seen(checkpoint.provenance, self.store, validation=self.split.validation, test=self.split.test)
        return checkpoint

    def train_supervised_baseline(
        self, label_fraction: float, seed: int = 42, epochs: int = 50, batch_size: int = 32
    ) -> ClassifierCheckpoint:
        """Train from scratch on a share of the labels.

        Args:
            label_fraction: share of the training labels, in (0, 1]; smaller shares lie inside larger ones.
            seed: of the labelled records and of everything the training draws.
            epochs: passes over the labelled records at most.
            batch_size: records per step.

        Returns:
            The classifier with the best validation AUROC, its thresholds chosen on the validation fold.
        """
        rows = self._labelled(label_fraction, seed)
        return self._train(None, rows, seed, frozen=False, epochs=epochs, batch_size=batch_size)

    def finetune_ssl(
        self,
        ssl_encoder: EncoderCheckpoint,
        label_fraction: float,
        seed: int = 42,
        epochs: int = 50,
        batch_size: int = 32,
        freeze_encoder: bool = False,
    ) -> ClassifierCheckpoint:
        """Train a pretrained encoder on a share of the labels; the encoder that is given stays as it is.

        Args:
            ssl_encoder: from ``load_ssl_pretrained``.
            label_fraction: as in ``train_supervised_baseline``, with the same records.
            seed: likewise.
            epochs: likewise.
            batch_size: likewise.
            freeze_encoder: train the head alone.
        """
        rows = self._labelled(label_fraction, seed)
        return self._train(ssl_encoder, rows, seed, frozen=freeze_encoder, epochs=epochs, batch_size=batch_size)

    def evaluate_model(self, model: ClassifierCheckpoint) -> dict[str, float]:
        """Judge a classifier on the labelled test records.

        Returns:
            ``auroc_macro`` and ``f1_macro`` (at the model's thresholds), macro means over the classes that are defined.
        """
        rows = self.split.test[self.labels.known[self.split.test]]
        logits = predict_logits(model.classifier, model.preprocessing, self.store, rows)
        targets, cuts = self.labels.values[rows], np.asarray(model.thresholds)
        decided = decide(probabilities_from_logits(logits), cuts)
        return {"auroc_macro": macro(auroc(targets, logits)), "f1_macro": macro(Confusion.of(targets, decided).f1)}

    def run_label_scarcity_benchmark(
        self,
        label_fractions: Sequence[float] = (0.01, 0.05, 0.1, 0.25, 1.0),
        seeds: Sequence[int] = (42, 52, 62),
        epochs: int = 40,
        *,
        execution: Execution | None = None,
    ) -> dict[str, Any]:
        """Run every track at every label fraction with every seed; an interrupted run goes on where it stopped.

        Writes ``label_scarcity_benchmark.json`` in the published shape, ``label_scarcity_comparison.png``, and a full
        record: every cell's scores, and ``results.json`` and ``report.html`` with intervals and label equivalences.

        Args:
            label_fractions: shares of the training labels; what is written keeps their order.
            seeds: one repeat each, no two equal.
            epochs: passes over the labelled records at most.
            execution: how cells are computed; without it one after the other.

        Returns:
            What ``label_scarcity_benchmark.json`` says, see ``published_shape``.

        Raises:
            InputError: unusable data, fractions or seeds.
        """
        fractions = tuple(sorted(label_fractions))
        design = LabelFractions(fractions=fractions, n_repeats=(len(seeds),) * len(fractions), seeds=tuple(seeds))
        config = {"label_fractions": fractions, "seeds": design.seeds, "epochs": epochs}
        plans, cells = self._plans(epochs), self._cells
        facts = {"name": "PTB-XL", "fingerprint": self.store.facts.fingerprint, "label_set": "super"}
        command = ["python", "-m", "ssrl_ecg.label_scarcity_benchmark"]
        checked = prepare_design(cells, plans, self.store, self.labels, [self.split], design, execution)
        with run_record(self.results_dir, command=command, config=config, seed=design.seeds[0], data=facts) as run:
            checked.run()
            found = make_label_scarcity(cells, n_replicates=_N_REPLICATES)
            page = write_label_scarcity(self.results_dir, {"fold": found}, run)
            with atomic_path(self.results_dir / "label_scarcity_comparison.png") as temporary:
                temporary.write_bytes((page.parent / "figures" / "fold-curve.png").read_bytes())
            published = published_shape(ResultsFolder(cells), TRACKS, design.seeds, label_fractions)
            write_json(self.results_dir / "label_scarcity_benchmark.json", published)
        return published

    @property
    def failures(self) -> list[Failure]:
        """Cells of the last run that have no result.

        Raises:
            InputError: nothing was run yet.
        """
        return failures_of(self._cells)

    @property
    def _cells(self) -> Path:
        return self.results_dir / "fold"

    @cached_property
    def _pretrained(self) -> EncoderCheckpoint | None:
        """The encoder in the folder of checkpoints, if there is one."""
        return self.load_ssl_pretrained()

    @cached_property
    def _plain_input(self) -> Preprocessing:
        """Whole unfiltered recordings, each lead brought to the mean and SD of the training folds."""
        rows, plain = self.split.train, Preprocessing(window_s=self.store.facts.n_samples / SAMPLING_RATE_HZ)
        return plain.fitted(self.store.read_mv(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH))

    def _labelled(self, label_fraction: float, seed: int) -> Rows:
        patients = self.store.records["patient_id"].to_numpy()
        return nested_subsets(self.labels, patients, [label_fraction], seed, rows=self.split.train)[label_fraction]

    def _plans(self, epochs: int) -> list[ArmPlan]:
        """The supervised track, and both others if there is an encoder."""
        pretrained = self._pretrained
        settings = {"epochs": epochs, "recipe": as_config(_RECIPE), "data": self.store.facts.fingerprint}
        if pretrained is not None:
            settings |= {"weights": module_hash(pretrained.encoder), "input": pretrained.preprocessing.to_dict()}

        def plan(track: str, family: Family, ssl: EncoderCheckpoint | None, *, frozen: bool = False) -> ArmPlan:
            train = partial(self._train, ssl, frozen=frozen, epochs=epochs, batch_size=BATCH_SIZE)
            name = TRACKS[track]
            return ArmPlan(name, family, settings | {"track": track}, partial(PublishedArm, name, family, train))

        baseline = plan("supervised", "supervised", None)
        if pretrained is None:
            return [baseline]
        tuned, frozen = (
            plan("ssl_finetuned", "method", pretrained),
            plan("ssl_frozen", "method", pretrained, frozen=True),
        )
        return [tuned, frozen, baseline]

    def _train(
        self, ssl: EncoderCheckpoint | None, rows: Rows, seed: int, *, frozen: bool, epochs: int, batch_size: int
    ) -> ClassifierCheckpoint:
        """Train on labelled rows from a copy of an encoder, or from scratch."""
        model = ssl or self._pretrained
        preprocessing = self._plain_input if model is None else model.preprocessing
        steps_per_epoch = -(-len(rows) // max(batch_size, 1))  # the config refuses 0
        config = replace(
            _RECIPE, trainable="head" if frozen else "all", steps=epochs * steps_per_epoch,
            evaluate_every=steps_per_epoch, batch_size=batch_size, seed=seed,
        )  # fmt: skip
        validation = self.split.validation[self.labels.known[self.split.validation]]
        classifier = train_classifier(
            partial(_fresh_classifier, model, ssl is not None, len(self.labels.classes)),
            self.store, rows, self.labels, preprocessing=preprocessing, recipe=RECIPES["none"](), config=config,
            validations={"validation": validation}, progress=False,
        ).classifier  # fmt: skip
        logits = predict_logits(classifier, preprocessing, self.store, validation)
        cuts = f1_thresholds(self.labels.values[validation], probabilities_from_logits(logits))
        provenance = describe_weights(
            ["LabelScarcityBenchmark"], {"training": as_config(config)}, self.store, self.split.train,
            chosen_on=self.split.validation, earlier=None if ssl is None else ssl.provenance,
        )  # fmt: skip
        labels = self.labels
        return ClassifierCheckpoint(
            classifier, preprocessing, labels.classes, labels.task, labels.name, tuple(cuts.tolist()), provenance
        )


@dataclass(frozen=True)
class PublishedArm(Arm):
    """One track as an arm of the comparison.

    Attributes:
        name: row name.
        family: "supervised", or "method" with pretraining.
        train: (labelled rows, seed) -> classifier; it looks at the validation fold of the benchmark.
    """

    name: str
    family: Family
    train: Callable[[Rows, int], ClassifierCheckpoint]

    def run(self, task: Task) -> list[Scores]:
        """Train once and score the only split there is."""
        model, (split,) = self.train(task.rows, task.seed), task.splits
        logits = predict_logits(
            model.classifier, model.preprocessing, task.store, np.concatenate([split.validation, split.test])
        )
        return [Scores(logits[: len(split.validation)], logits[len(split.validation) :])]


def _fresh_classifier(model: EncoderCheckpoint | None, pretrained: bool, n_outputs: int) -> Classifier:
    """A copy of a pretrained encoder, or a new one like it, or the published one, under the published head."""
    encoder: Encoder
    if model is None:
        encoder = ImprovedECGEncoder(ImprovedECGConfig())
    else:
        encoder = copy.deepcopy(model.encoder) if pretrained else type(model.encoder)(model.encoder.config)
    config = ConcatPoolHeadConfig(hidden=encoder.map_dim)
    return Classifier(encoder, ConcatPoolHead(config, feature_dim=encoder.map_dim, n_outputs=n_outputs))
