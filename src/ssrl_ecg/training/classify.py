"""Supervised training, fine-tuning and probing: they differ in where the encoder comes from and what may move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.batches import BatchDataset, RecordBatch
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.multilabel import CLASSIFICATION_LOSSES, ClassCounts, ClassificationLoss, cross_entropy
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import module_hash, predict_logits
from ssrl_ecg.training.epoch_logs import EpochLog
from ssrl_ecg.training.history import History
from ssrl_ecg.training.layer_rates import layer_rates
from ssrl_ecg.training.loop import (
    BatchOrder,
    Compute,
    oversampling_weights,
    parameter_groups,
    step_generator,
    stream_seed,
    warmup_cosine,
)
from ssrl_ecg.training.selection import check_validations, validation_auroc
from ssrl_ecg.training.state import array_identity, kept_in, run_identity
from ssrl_ecg.training.trainer import fit
from ssrl_ecg.training.windows import random_crop


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig:
    """How a classifier is trained on labelled records.

    Defaults are those of the recipe chosen for training from scratch on folds 1-5/6 of the PTB-XL sample
    (``results/trials``); ``FINETUNING`` is the one for a pretrained encoder.
    """

    trainable: Literal["all", "head"] = "all"
    """"all" trains encoder and head; "head" freezes the encoder (eval mode, unchanged bytes, asserted)."""
    steps: int = 200
    """Optimiser steps; not epochs, because 15 labels need about as many as 150."""
    passes: float = 25.0
    """Passes over the labelled records at least: more than about 500 records get more than ``steps``."""
    evaluate_every: int = 20
    """Steps between two looks at the validation records."""
    patience: int = 10
    """Looks without a better validation AUROC, on any validation set, before training stops."""
    batch_size: int = 64
    """Records per step; fewer if there are fewer labels."""
    learning_rate: float = 2e-3
    """Peak rate of the head (and of everything when the factor below is 1)."""
    encoder_rate_factor: float = 1.0
    """The encoder's rate as a share of the head's: discriminative rates for fine-tuning (Howard & Ruder, ACL 2018)."""
    layer_rate_decay: float = 1.0
    """Each layer of the encoder learns at this share of the next one's rate, see ``layer_rates``; 1 for all alike."""
    weight_decay: float = 0.1
    """AdamW's decoupled decay of matrices and kernels."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """"cosine": linear warm-up, cosine to zero at the last step; "plateau": halved when the validation loss stays."""
    warmup_fraction: float = 0.25
    """Share of the steps in which the rate rises linearly (cosine schedule)."""
    plateau_patience: int = 5
    """Looks in a row without a better validation loss after which the plateau schedule halves the rate."""
    clip_norm: float = 1.0
    """Gradient norm above which gradients are scaled down; 0 for never."""
    loss: str = "bce"
    """One of ``ssrl_ecg.losses.CLASSIFICATION_LOSSES``; single-label tasks use cross-entropy."""
    oversample: bool = False
    """Draw records with replacement, each with the weight of its rarest positive class (``oversampling_weights``)."""
    seed: int = 42
    """Seed of initialisation, order, crops, augmentations and dropout."""

    def total_steps(self, n_records: int) -> int:
        """Optimiser steps of a training on so many records: ``steps``, or as many as ``passes`` passes need."""
        return max(self.steps, math.ceil(self.passes * n_records / self.batch_size))

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("steps", "evaluate_every", "patience", "batch_size", "plateau_patience"):
            require_whole(name, getattr(self, name), 1)
        for name in ("passes", "learning_rate", "encoder_rate_factor", "weight_decay", "clip_norm"):
            require_between(name, getattr(self, name), 0.0, 1e9)
        require_between("warmup_fraction", self.warmup_fraction, 0.0, 1.0)
        require_between("layer_rate_decay", self.layer_rate_decay, 0.01, 1.0)
        choices = {"trainable": ("all", "head"), "schedule": ("cosine", "plateau"), "loss": CLASSIFICATION_LOSSES}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"unknown {name}", field=name, expected=" | ".join(allowed), found=getattr(self, name))


FINETUNING = ClassifyConfig(learning_rate=1e-3, weight_decay=1e-2)
"""How a pretrained encoder and the head of its linear probe are trained on, chosen in the same way."""


@dataclass(frozen=True)
class BestModel:
    """The weights that did best on one validation set; a copy that later steps cannot touch.

    Attributes:
        auroc: macro AUROC on the validation set; NaN where no class has positives and negatives in it: then these are
            simply the last weights.
        step: optimiser steps they had seen.
        state: parameters and buffers of the classifier, on the CPU.
    """

    auroc: float
    step: int
    state: dict[str, Tensor] = field(repr=False)


@dataclass(frozen=True)
class ClassifyResult:
    """What one training leaves.

    Attributes:
        classifier: the network, on the CPU, in eval mode, holding the best weights of the first validation set (the
            last weights if there is none).
        best: for each validation set its best weights.
        history: one row of numbers per look.
    """

    classifier: Classifier
    best: dict[str, BestModel]
    history: list[dict[str, float]]

    def classifier_for(self, validation: str) -> Classifier:
        """The network with the weights that did best on the named validation set (the same object, other weights)."""
        self.classifier.load_state_dict(self.best[validation].state)
        return self.classifier.eval()


class _Look(NamedTuple):
    """What one validation set says of the present weights."""

    auroc: float
    loss: float


class _ClassifyModule(L.LightningModule):
    """Adaptor: record batch -> one augmented, normalised crop -> logits -> loss."""

    def __init__(
        self,
        classifier: Classifier,
        store: RecordStore,
        rows: np.ndarray,
        labels: Labels,
        preprocessing: Preprocessing,
        recipe: Recipe,
        config: ClassifyConfig,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self._store, self._rows, self._labels = store, rows, labels
        self._preprocessing, self._recipe, self._config = preprocessing, recipe, config
        self._loss = _loss_of(config, labels, rows)
        if config.trainable == "head":
            classifier.encoder.requires_grad_(requires_grad=False)

    def train_dataloader(self) -> DataLoader[RecordBatch]:
        config = self._config
        order = BatchOrder(
            len(self._rows),
            config.batch_size,
            config.seed,
            n_batches=config.evaluate_every,
            weights=oversampling_weights(self._labels.values[self._rows]) if config.oversample else None,
            rank=self.global_rank,
            world_size=self.trainer.world_size,
        )
        return DataLoader(BatchDataset(self._store, self._rows, self._labels), sampler=order, batch_size=None)

    def on_train_epoch_start(self) -> None:
        if self._config.trainable == "head":
            self.classifier.encoder.eval()

    def training_step(self, batch: RecordBatch, batch_index: int) -> Tensor:
        generator = step_generator(self._config.seed, self.global_step, self.global_rank)
        torch.manual_seed(generator.initial_seed())  # dropout has no generator of its own
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            filtered = self._preprocessing.filter(batch.signal_mv)
            crop = random_crop(filtered, self._preprocessing.window_samples, generator)
            view = self._preprocessing.normalise(self._recipe(crop, self._preprocessing.sampling_rate_hz, generator))
        assert batch.labels is not None
        loss = self._loss(self.classifier(view).float(), batch.labels)
        across = self.trainer.world_size > 1
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=across)
        return loss

    def look(self, rows: np.ndarray) -> _Look:
        """Judge the present weights on validation records."""
        logits = predict_logits(self.classifier, self._preprocessing, self._store, rows, overlap=0.0)
        loss = self._loss(torch.from_numpy(logits), torch.from_numpy(self._labels.values[rows]).float())
        return _Look(validation_auroc(self._labels, rows, logits), float(loss))

    def follow(self, validation_loss: float) -> None:
        """Let the plateau schedule see a look's loss."""
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(validation_loss)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step the cosine schedule; Lightning would step a plateau only after the state of its epoch was saved."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def configure_optimizers(self) -> Any:
        config = self._config
        layers = layer_rates(self.classifier.encoder, config.encoder_rate_factor, config.layer_rate_decay)
        modules = [*layers, (self.classifier.head, 1.0)]
        optimiser = torch.optim.AdamW(parameter_groups(modules, config.learning_rate, config.weight_decay))
        if config.schedule == "plateau":  # torch halves after one look more than its patience
            plateau = ReduceLROnPlateau(optimiser, factor=0.5, patience=config.plateau_patience - 1)
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": plateau, "monitor": "validation_loss"}}
        steps = config.total_steps(len(self._rows))
        factor = warmup_cosine(steps, round(steps * config.warmup_fraction))
        cosine = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


def _loss_of(config: ClassifyConfig, labels: Labels, rows: np.ndarray) -> ClassificationLoss:
    if labels.task == "single":
        return cross_entropy
    positives = torch.from_numpy(labels.values[rows].sum(axis=0, dtype=np.int64))
    return CLASSIFICATION_LOSSES[config.loss](ClassCounts(labels.classes, positives, len(rows)))


class _KeepBest(L.Callback):
    """Looks at every validation set after each epoch, keeps the best weights of each, stops when none gets better.

    A set whose AUROC is undefined keeps the last weights and has no say in when to stop.
    """

    def __init__(
        self, module: _ClassifyModule, validations: Mapping[str, np.ndarray], history: History, patience: int
    ) -> None:
        self._module, self._validations, self._history, self._patience = module, validations, history, patience
        self.best: dict[str, BestModel] = {}
        self._looks_without_gain = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not self._validations:
            return
        looks = {name: self._module.look(rows) for name, rows in self._validations.items()}
        looks = trainer.strategy.broadcast(looks)  # running statistics differ between processes, decisions must not
        self._history.add({f"auroc_{name}": look.auroc for name, look in looks.items()})
        loss = float(np.mean([look.loss for look in looks.values()]))
        pl_module.log("validation_loss", loss, batch_size=1)
        self._module.follow(loss)
        gains = [self._keep(trainer, name, look.auroc) for name, look in looks.items()]
        undecided = all(math.isnan(look.auroc) for look in looks.values())
        self._looks_without_gain = 0 if any(gains) or undecided else self._looks_without_gain + 1
        if self._looks_without_gain >= self._patience:
            trainer.should_stop = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once if the run that is resumed had already stopped."""
        trainer.should_stop = self._looks_without_gain >= self._patience

    def state_dict(self) -> dict[str, Any]:
        best = {name: vars(one) for name, one in self.best.items()}
        return {"best": best, "looks_without_gain": self._looks_without_gain}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = {name: BestModel(**one) for name, one in state_dict["best"].items()}
        self._looks_without_gain = state_dict["looks_without_gain"]

    def _keep(self, trainer: L.Trainer, name: str, auroc: float) -> bool:
        """Copy the present weights if they are the best for this set; return whether they are better."""
        better = name not in self.best or auroc > self.best[name].auroc
        if better or math.isnan(auroc):
            state = {key: value.detach().cpu().clone() for key, value in self._module.classifier.state_dict().items()}
            self.best[name] = trainer.strategy.broadcast(BestModel(auroc, trainer.global_step, state))
        return better and not math.isnan(auroc)


def train_classifier(
    make_classifier: Callable[[], Classifier],
    store: RecordStore,
    rows: np.ndarray,
    labels: Labels,
    *,
    preprocessing: Preprocessing,
    recipe: Recipe,
    config: ClassifyConfig,
    validations: Mapping[str, np.ndarray] | None = None,
    compute: Compute | None = None,
    folder: Path | None = None,
    log: EpochLog | None = None,
    progress: bool = True,
) -> ClassifyResult:
    """Train a classifier on labelled records and keep, for each validation set, the weights that did best on it.

    Several validation sets serve a rotation of folds: the training is the same for each of them, only the step that is
    kept differs.

    Args:
        make_classifier: builds the classifier (fresh or with a pretrained encoder); called once, under a seed derived
            from ``config.seed``.
        store: the records.
        rows: (n,) labelled training rows.
        labels: targets of all rows of the store.
        preprocessing: fitted on training signals; its window is the length of a crop.
        recipe: augmentations of a training crop.
        config: what moves, how fast, how long.
        validations: name -> rows that are looked at every ``evaluate_every`` steps and after the last; without any, the
            last weights are kept.
        compute: precision and devices.
        folder: where ``history.csv`` and the training state go. If it holds the state of an interrupted run with the
            same settings, the run goes on from its last look and ends in the same weights as an uninterrupted one (on
            the CPU, bit for bit).
        log: who else is told each epoch's numbers.
        progress: show a progress bar.

    Raises:
        InputError: no labelled records, a row without a label, an empty validation set, classes that the loss does not
            know, a state of other settings, or a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the state stays.
        AssertionError: a frozen encoder moved.
    """
    validations = validations or {}
    _check(rows, labels, config, validations)
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    classifier = make_classifier()
    before, compute = module_hash(classifier.encoder), compute or Compute()
    settings = (before, preprocessing, recipe.to_dict(), config, compute)
    history, state = kept_in(folder, _identity(store, rows, labels, validations, classifier, settings), log)
    module = _ClassifyModule(classifier, store, rows, labels, preprocessing, recipe, config)
    keeper = _KeepBest(module, validations, history, config.patience)
    steps = config.total_steps(len(rows))
    fit(
        module,
        history,
        [keeper],
        compute=compute,
        max_epochs=math.ceil(steps / config.evaluate_every),
        max_steps=steps,
        clip_norm=config.clip_norm,
        title="training" if progress else None,
        state=state,
    )
    if config.trainable == "head" and module_hash(classifier.cpu().encoder) != before:
        raise AssertionError("the frozen encoder changed during the training of its head")
    if keeper.best:
        classifier.load_state_dict(next(iter(keeper.best.values())).state)
    return ClassifyResult(classifier.cpu().eval(), keeper.best, history.rows)


def _identity(
    store: RecordStore,
    rows: np.ndarray,
    labels: Labels,
    validations: Mapping[str, np.ndarray],
    classifier: Classifier,
    settings: Any,
) -> str:
    """Hash what the trained weights depend on; of the head its kind, as a probe's last bits may differ between runs."""
    seen = np.concatenate([rows, *validations.values()])
    targets = (labels.name, labels.task, labels.classes, array_identity(labels.values[seen]))
    parts = {name: array_identity(part) for name, part in validations.items()}
    network = [(type(part).__name__, part.config) for part in (classifier.encoder, classifier.head)]
    return run_identity(store.facts.fingerprint, array_identity(rows), parts, targets, network, settings)


def _check(rows: np.ndarray, labels: Labels, config: ClassifyConfig, validations: Mapping[str, np.ndarray]) -> None:
    if len(rows) == 0:
        raise InputError("no labelled records to train on", expected="at least 1", found=0)
    if not labels.known[rows].all():
        raise InputError("a record without a label was chosen for training", field=labels.name)
    if config.schedule == "plateau" and not validations:
        raise InputError("the plateau schedule follows validation records, and there are none", field="schedule")
    check_validations(labels, validations)
