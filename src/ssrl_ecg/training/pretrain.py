"""Self-supervised pretraining of one method on the signals of the chosen records; the only place a method meets the trainer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.batches import BatchDataset, RecordBatch
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.methods.method import Method, ViewBatch
from ssrl_ecg.metrics.representation import effective_rank, embedding_sd, knn_probe
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.history import History
from ssrl_ecg.training.loop import BatchOrder, Compute, parameter_groups, step_generator, stream_seed, warmup_cosine
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.windows import random_crop

STATE_NAME = "training_state.ckpt"
_WATCH_RECORDS = 128


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How long and how fast to pretrain.

    Defaults are those of the recipe chosen on folds 1-5/6 of the PTB-XL sample (``results/trials``).
    """

    epochs: int = 50
    """Passes over the unlabelled records."""
    batch_size: int = 128
    """Records per step and process; every record gives as many views as the method asks for."""
    learning_rate: float = 1e-3
    """AdamW's peak rate."""
    weight_decay: float = 1e-4
    """AdamW's decoupled decay of matrices and kernels; biases and normalisation weights are not decayed."""
    warmup_fraction: float = 0.1
    """Share of all steps in which the rate rises linearly; a cosine to zero follows."""
    clip_norm: float = 1.0
    """Gradient norm above which gradients are scaled down; 0 for never."""
    seed: int = 42
    """Seed of order, crops, augmentations and dropout."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError("this setting must be positive", field=name, found=getattr(self, name))
        if not 0 <= self.warmup_fraction < 1:
            raise InputError(
                "this setting is out of range", field="warmup_fraction", expected="[0, 1)", found=self.warmup_fraction
            )


@dataclass(frozen=True)
class PretrainResult:
    """The trained encoder and the numbers of each epoch."""

    encoder: Encoder
    history: list[dict[str, float]]


class _PretrainModule(L.LightningModule):
    """Adaptor: record batch -> two crops -> augmented, normalised views -> the method's loss."""

    def __init__(
        self,
        method: Method,
        store: RecordStore,
        rows: np.ndarray,
        preprocessing: Preprocessing,
        recipe: Recipe,
        config: PretrainConfig,
    ) -> None:
        super().__init__()
        self.method = method
        self._store, self._rows, self._preprocessing, self._recipe, self._config = (
            store,
            rows,
            preprocessing,
            recipe,
            config,
        )

    def train_dataloader(self) -> DataLoader[RecordBatch]:
        order = BatchOrder(
            len(self._rows),
            self._config.batch_size,
            self._config.seed,
            rank=self.global_rank,
            world_size=self.trainer.world_size,
        )
        return DataLoader(BatchDataset(self._store, self._rows), sampler=order, batch_size=None)

    def on_fit_start(self) -> None:
        self.method.begin(int(self.trainer.estimated_stepping_batches))

    def _view(self, filtered_mv: Tensor, generator: torch.Generator) -> Tensor:
        crop = random_crop(filtered_mv, self._preprocessing.window_samples, generator)
        return self._preprocessing.normalise(self._recipe(crop, self._preprocessing.sampling_rate_hz, generator))

    def training_step(self, batch: RecordBatch, batch_index: int) -> Tensor:
        generator = step_generator(self._config.seed, self.global_step, self.global_rank)
        torch.manual_seed(generator.initial_seed())  # dropout has no generator of its own
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            filtered = self._preprocessing.filter(batch.signal_mv)
            views = tuple(self._view(filtered, generator) for _ in range(self.method.n_views))
        loss = self.method.loss(ViewBatch(views=views, patients=batch.patients, rows=batch.rows), generator)
        logs = {"loss": loss.value.detach(), **loss.logs}
        self.log_dict(
            logs,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(batch.rows),
            sync_dist=self.trainer.world_size > 1,
        )
        return loss.value

    def on_train_batch_end(self, outputs: Any, batch: RecordBatch, batch_index: int) -> None:
        self.method.after_step(self.global_step / self.trainer.estimated_stepping_batches)

    def configure_optimizers(self) -> Any:
        total = int(self.trainer.estimated_stepping_batches)
        groups = parameter_groups([(self.method, 1.0)], self._config.learning_rate, self._config.weight_decay)
        optimiser = torch.optim.AdamW(groups, lr=self._config.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, warmup_cosine(total, round(total * self._config.warmup_fraction))
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _CollapseWatch(L.Callback):
    """After each epoch: embedding SD, effective rank and a kNN probe on training-fold records. Shown, never used to select."""

    def __init__(
        self,
        store: RecordStore,
        rows: np.ndarray,
        preprocessing: Preprocessing,
        labels: Labels | None,
        history: History,
        seed: int,
    ) -> None:
        order = np.random.default_rng(stream_seed(seed, "order")).permutation(rows)
        self._store, self._preprocessing, self._labels, self._history = store, preprocessing, labels, history
        patients = store.records["patient_id"].to_numpy()
        reference = order[:_WATCH_RECORDS]
        query = order[_WATCH_RECORDS:][:_WATCH_RECORDS]
        self._reference, self._query = reference, query[~np.isin(patients[query], patients[reference])]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: _PretrainModule) -> None:
        encoder = pl_module.method.encoder
        reference = embed(encoder, self._preprocessing, self._store, self._reference, overlap=0.0)
        values = {"embedding_sd": embedding_sd(reference), "effective_rank": effective_rank(reference)}
        if self._labels is not None and len(self._query):
            query = embed(encoder, self._preprocessing, self._store, self._query, overlap=0.0)
            values["knn_auroc"] = knn_probe(
                reference, self._labels.values[self._reference], query, self._labels.values[self._query]
            )
        self._history.add(values)


class _KeepState(L.Callback):
    """Saves the whole training state after every epoch, whole or not at all."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path, self._identity = path, identity

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.save_checkpoint(self._path)

    def state_dict(self) -> dict[str, Any]:
        return {"identity": self._identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict["identity"] != self._identity:
            raise InputError(
                "this run was started with other settings or other data; resume it with the same ones, or choose a new folder",
                file=self._path,
            )


def _identity(*parts: Any) -> str:
    return hashlib.sha256(
        json.dumps([as_config(part) for part in parts], sort_keys=True, default=str).encode()
    ).hexdigest()


def pretrain(
    make_method: Callable[[], Method],
    store: RecordStore,
    rows: np.ndarray,
    *,
    preprocessing: Preprocessing,
    recipe: Recipe,
    config: PretrainConfig,
    compute: Compute | None = None,
    watch_labels: Labels | None = None,
    folder: Path | None = None,
    progress: bool = True,
) -> PretrainResult:
    """Train a method's encoder on unlabelled records.

    Args:
        make_method: builds the freshly initialised method; called once, under a seed derived from ``config.seed``.
        store: the records.
        rows: (n,) rows of ``store`` to train on; the caller keeps validation and test patients out of them.
        preprocessing: fitted on the same rows; its window is the length of a view.
        recipe: augmentations that make a view, applied in millivolt after the crop.
        config: schedule and optimiser.
        compute: precision and devices.
        watch_labels: labels of the training records for the kNN probe of the collapse watch; None leaves that probe out.
        folder: where ``history.csv`` and the training state go. If the folder holds the state of an interrupted run with the same settings, the run
            goes on from its last finished epoch and ends in the same weights as an uninterrupted one (on the CPU, bit for bit).
        progress: show a progress bar.

    Returns:
        The encoder (on the CPU, in eval mode) and one row of numbers per epoch.

    Raises:
        InputError: fewer than two records; a training state of other settings; a loss that is not finite.
    """
    if len(rows) < 2:
        raise InputError("pretraining needs at least two records", found=len(rows))
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    method = make_method()
    module = _PretrainModule(method, store, rows, preprocessing, recipe, config)
    history = History(folder / "history.csv" if folder else None)
    callbacks: list[L.Callback] = [
        _CollapseWatch(store, rows, preprocessing, watch_labels, history, config.seed),
        history,
    ]
    state = folder / STATE_NAME if folder else None
    if state is not None:
        identity = _identity(
            config, type(method).__name__, method.config, method.encoder.config, preprocessing.to_dict(), recipe.to_dict(),
            store.facts.source_fingerprint, hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64).tobytes()).hexdigest(),
        )  # fmt: skip
        callbacks.append(_KeepState(state, identity))
    trainer = (compute or Compute()).trainer(
        callbacks, max_epochs=config.epochs, clip_norm=config.clip_norm, progress=progress, folder=folder
    )
    trainer.fit(module, ckpt_path=state if state is not None and state.exists() else None, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    return PretrainResult(method.encoder.cpu().eval(), history.rows)
