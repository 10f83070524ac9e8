"""Supervised training, fine-tuning and frozen probing in one place: they differ in where the encoder comes from and what may move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.batches import BatchDataset, RecordBatch
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.multilabel import CLASSIFICATION_LOSSES
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.history import History
from ssrl_ecg.training.loop import BatchOrder, Compute, parameter_groups, step_generator, stream_seed, warmup_cosine
from ssrl_ecg.training.windows import over_windows, random_crop


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig:
    """How a classifier is trained on labelled records."""

    trainable: Literal["all", "head"] = "all"
    """"all" trains encoder and head; "head" freezes the encoder (eval mode, unchanged bytes, asserted)."""
    steps: int = 200
    """Most optimiser steps; counted in steps, not epochs, because 15 and 1,500 labels need about the same number of them."""
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
    weight_decay: float = 1e-2
    """AdamW's decoupled decay of matrices and kernels."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """"cosine": linear warm-up, cosine to zero over ``steps``; "plateau": halved after ``plateau_patience`` looks without a better validation loss."""
    warmup_fraction: float = 0.25
    """Share of ``steps`` in which the rate rises linearly (cosine schedule)."""
    plateau_patience: int = 5
    """Looks before the plateau schedule halves the rate."""
    clip_norm: float = 1.0
    """Gradient norm above which gradients are scaled down; 0 for never."""
    loss: Literal["bce", "focal", "class_balanced", "weighted"] = "bce"
    """One of ``ssrl_ecg.losses.CLASSIFICATION_LOSSES``; single-label tasks use cross-entropy."""
    oversample: bool = False
    """Draw records with replacement, each with the weight of its rarest positive class."""
    seed: int = 42
    """Seed of initialisation, order, crops, augmentations and dropout."""

    def __post_init__(self) -> None:
        for name in ("steps", "evaluate_every", "patience", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError("this setting must be positive", field=name, found=getattr(self, name))
        if self.loss not in CLASSIFICATION_LOSSES:
            raise InputError("unknown loss", field="loss", expected=" | ".join(CLASSIFICATION_LOSSES), found=self.loss)


@dataclass(frozen=True)
class BestModel:
    """The weights that did best on one validation set; a copy that later steps cannot touch."""

    auroc: float
    step: int
    state: dict[str, Tensor] = field(repr=False)


@dataclass(frozen=True)
class ClassifyResult:
    """What one training leaves.

    Attributes:
        classifier: the network, on the CPU, in eval mode, holding the best weights of the first validation set (the last weights if there is none).
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


def oversampling_weights(values: np.ndarray) -> Tensor:
    """Sampling weight of each record: one over the count of its rarest positive class; records without a class count as a class of their own.

    Args:
        values: uint8 (record, class).
    """
    with_none = np.column_stack([values, values.sum(axis=1) == 0]).astype(float)
    counts = with_none.sum(axis=0)
    return torch.from_numpy((with_none / np.maximum(counts, 1)).max(axis=1))


@torch.no_grad()
def predict_logits(
    classifier: Classifier,
    preprocessing: Preprocessing,
    store: RecordStore,
    rows: np.ndarray,
    *,
    batch_size: int = 64,
    overlap: float = 0.5,
) -> np.ndarray:
    """Logits of whole records in eval mode, averaged over each record's windows; float32 (n, class) in the order of ``rows``."""
    was_training = classifier.training
    device = next(classifier.parameters()).device
    classifier.eval()
    parts = [
        over_windows(classifier, torch.from_numpy(store.read_mv(rows[start : start + batch_size])).to(device), preprocessing, overlap).float().cpu().numpy()
        for start in range(0, len(rows), batch_size)
    ]  # fmt: skip
    classifier.train(was_training)
    return np.concatenate(parts)


class _ClassifyModule(L.LightningModule):
    """Adaptor: record batch -> one augmented, normalised crop -> logits -> loss."""

    def __init__(
        self, classifier: Classifier, store: RecordStore, rows: np.ndarray, labels: Labels, preprocessing: Preprocessing, recipe: Recipe, config: ClassifyConfig
    ) -> None:  # fmt: skip
        super().__init__()
        self.classifier = classifier
        self._store, self._rows, self._labels = store, rows, labels
        self._preprocessing, self._recipe, self._config = preprocessing, recipe, config
        self._class_counts = torch.from_numpy(labels.values[rows].sum(axis=0).astype(np.float32))
        if config.trainable == "head":
            classifier.encoder.requires_grad_(requires_grad=False)

    def train_dataloader(self) -> DataLoader[RecordBatch]:
        weights = oversampling_weights(self._labels.values[self._rows]) if self._config.oversample else None
        order = BatchOrder(
            len(self._rows), self._config.batch_size, self._config.seed, n_batches=min(self._config.evaluate_every, self._config.steps),
            weights=weights, rank=self.global_rank, world_size=self.trainer.world_size,
        )  # fmt: skip
        return DataLoader(BatchDataset(self._store, self._rows, self._labels), sampler=order, batch_size=None)

    def on_train_epoch_start(self) -> None:
        if self._config.trainable == "head":
            self.classifier.encoder.eval()

    def training_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self._labels.task == "single":
            return nn.functional.cross_entropy(logits, targets)
        return CLASSIFICATION_LOSSES[self._config.loss](logits, targets, self._class_counts.to(logits.device))

    def training_step(self, batch: RecordBatch, batch_index: int) -> Tensor:
        generator = step_generator(self._config.seed, self.global_step, self.global_rank)
        torch.manual_seed(generator.initial_seed())  # dropout has no generator of its own
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            crop = random_crop(
                self._preprocessing.filter(batch.signal_mv), self._preprocessing.window_samples, generator
            )
            view = self._preprocessing.normalise(self._recipe(crop, self._preprocessing.sampling_rate_hz, generator))
        loss = self.training_loss(self.classifier(view).float(), batch.labels)
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.rows))
        return loss

    def configure_optimizers(self) -> Any:
        config = self._config
        modules = [(self.classifier.encoder, config.encoder_rate_factor), (self.classifier.head, 1.0)]
        optimiser = torch.optim.AdamW(
            parameter_groups(modules, config.learning_rate, config.weight_decay), lr=config.learning_rate
        )
        if config.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimiser, factor=0.5, patience=config.plateau_patience
            )
            return {
                "optimizer": optimiser,
                "lr_scheduler": {"scheduler": plateau, "monitor": "validation_loss", "strict": True},
            }
        cosine = torch.optim.lr_scheduler.LambdaLR(
            optimiser, warmup_cosine(config.steps, round(config.steps * config.warmup_fraction))
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


class _KeepBest(L.Callback):
    """Looks at every validation set after each epoch, keeps a copy of the best weights of each, stops when none gets better."""

    def __init__(
        self, module: _ClassifyModule, validations: Mapping[str, np.ndarray], history: History, patience: int
    ) -> None:
        self._module, self._validations, self._history, self._patience = module, validations, history, patience
        self.best: dict[str, BestModel] = {}
        self._looks_without_gain = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not self._validations:
            return
        module, gained, losses = self._module, False, []
        for name, rows in self._validations.items():
            logits = predict_logits(module.classifier, module._preprocessing, module._store, rows, overlap=0.0)
            targets = module._labels.values[rows]
            score = macro(auroc(targets, logits))
            losses.append(float(module.training_loss(torch.from_numpy(logits), torch.from_numpy(targets).float())))
            self._history.add({f"auroc_{name}": score})
            if name not in self.best or score > self.best[name].auroc:
                gained = True
                state = {key: value.detach().cpu().clone() for key, value in module.classifier.state_dict().items()}
                self.best[name] = BestModel(score, trainer.global_step, state)
        pl_module.log("validation_loss", float(np.mean(losses)), on_epoch=True, batch_size=1)
        self._looks_without_gain = 0 if gained else self._looks_without_gain + 1
        if self._looks_without_gain >= self._patience:
            trainer.should_stop = True


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
    progress: bool = True,
) -> ClassifyResult:
    """Train a classifier on labelled records and keep, for each validation set, the weights that did best on it.

    Several validation sets serve a rotation of folds: the training is the same for each of them, only the step that is kept differs.

    Args:
        make_classifier: builds the classifier (fresh or with a pretrained encoder); called once, under a seed derived from ``config.seed``.
        store: the records.
        rows: (n,) labelled training rows.
        labels: targets of all rows of the store.
        preprocessing: fitted on training signals; its window is the length of a crop.
        recipe: augmentations of a training crop.
        config: what moves, how fast, how long.
        validations: name -> rows that are looked at every ``evaluate_every`` steps; without any, the last weights are kept.
        compute: precision and devices.
        progress: show a progress bar.

    Raises:
        InputError: no labelled records, or a row without a label.
    """
    if len(rows) == 0:
        raise InputError("no labelled records to train on", expected="at least 1", found=0)
    if not labels.known[rows].all():
        raise InputError("a record without a label was chosen for training", field=labels.name)
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    classifier = make_classifier()
    module = _ClassifyModule(classifier, store, rows, labels, preprocessing, recipe, config)
    history = History()
    keeper = _KeepBest(module, validations or {}, history, config.patience)
    frozen_bytes = module_hash(classifier.encoder) if config.trainable == "head" else None
    looks = -(-config.steps // config.evaluate_every)
    trainer = (compute or Compute()).trainer(
        [keeper, history], max_epochs=looks, clip_norm=config.clip_norm, progress=progress, folder=None
    )
    trainer.fit(module)
    if trainer.interrupted:
        raise KeyboardInterrupt
    classifier.cpu().eval()
    if frozen_bytes is not None and module_hash(classifier.encoder) != frozen_bytes:
        raise AssertionError("the frozen encoder changed during the training of its head")
    if keeper.best:
        classifier.load_state_dict(next(iter(keeper.best.values())).state)
    return ClassifyResult(classifier, keeper.best, history.rows)
