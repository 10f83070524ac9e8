"""Self-supervised pretraining of one method on the signals of chosen records: where a method meets a trainer."""

from __future__ import annotations

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
from ssrl_ecg.methods.method import Method
from ssrl_ecg.metrics.representation import effective_rank, embedding_sd, knn_probe
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import embed, module_hash
from ssrl_ecg.training.epoch_logs import EpochLog
from ssrl_ecg.training.history import History
from ssrl_ecg.training.loop import BatchOrder, Compute, parameter_groups, step_generator, stream_seed, warmup_cosine
from ssrl_ecg.training.record_facts import RecordFacts
from ssrl_ecg.training.state import array_identity, kept_in, run_identity
from ssrl_ecg.training.trainer import fit
from ssrl_ecg.training.views import make_views

_WATCH_RECORDS = 128


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How long and how fast to pretrain.

    Defaults are those of the recipe chosen on folds 1-5/6 of the PTB-XL sample (``results/trials``).
    """

    epochs: int = 60
    """Passes over the unlabelled records."""
    batch_size: int = 128
    """Records per step and process (>= 2); every record gives as many views as the method asks for."""
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
        """Refuse values out of range."""
        require_whole("epochs", self.epochs, 1)
        require_whole("batch_size", self.batch_size, 2)
        for name, high in (("learning_rate", 1e3), ("weight_decay", 1e3), ("warmup_fraction", 1.0), ("clip_norm", 1e9)):
            require_between(name, getattr(self, name), 0.0, high)


@dataclass(frozen=True)
class PretrainResult:
    """The trained encoder and the numbers of each epoch."""

    encoder: Encoder
    history: list[dict[str, float]]


class _PretrainModule(L.LightningModule):
    """Adaptor: record batch -> crops -> augmented, normalised views -> the method's loss."""

    def __init__(
        self,
        method: Method,
        dataset: BatchDataset,
        preprocessing: Preprocessing,
        recipe: Recipe,
        config: PretrainConfig,
        facts: RecordFacts,
        passes: np.ndarray | None,
    ) -> None:
        super().__init__()
        self.method = method
        self._dataset, self._preprocessing, self._recipe, self._config = dataset, preprocessing, recipe, config
        self._facts, self._passes = facts, None if passes is None else torch.from_numpy(passes)

    def train_dataloader(self) -> DataLoader[RecordBatch]:
        rank, world_size = self.global_rank, self.trainer.world_size
        n_records, batch_size, seed = len(self._dataset), self._config.batch_size, self._config.seed
        order = BatchOrder(n_records, batch_size, seed, passes=self._passes, rank=rank, world_size=world_size)
        return DataLoader(self._dataset, sampler=order, batch_size=None)

    def on_fit_start(self) -> None:
        self.method.begin(self._n_steps)

    @property
    def _n_steps(self) -> int:
        return int(self.trainer.estimated_stepping_batches)

    def training_step(self, batch: RecordBatch, batch_index: int) -> Tensor:
        generator = step_generator(self._config.seed, self.global_step, self.global_rank)
        torch.manual_seed(generator.initial_seed())  # dropout has no generator of its own
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            views = make_views(self.method.plan, batch, self._preprocessing, self._recipe, self._facts, generator)
        loss = self.method.loss(views, generator)
        logs = {"loss": loss.value.detach(), **loss.logs}
        across = self.trainer.world_size > 1
        self.log_dict(logs, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=across)
        return loss.value

    def on_train_batch_end(self, outputs: Any, batch: RecordBatch, batch_index: int) -> None:
        self.method.after_step(self.global_step / self._n_steps)

    def configure_optimizers(self) -> Any:
        groups = parameter_groups([(self.method, 1.0)], self._config.learning_rate, self._config.weight_decay)
        factor = warmup_cosine(self._n_steps, round(self._n_steps * self._config.warmup_fraction))
        optimiser = torch.optim.AdamW(groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _CollapseWatch(L.Callback):
    """Embedding SD, effective rank and a kNN probe on training records, each epoch; shown, never used to select."""

    def __init__(
        self,
        encoder: Encoder,
        store: RecordStore,
        rows: np.ndarray,
        preprocessing: Preprocessing,
        labels: Labels | None,
        history: History,
        seed: int,
    ) -> None:
        self._encoder, self._store, self._preprocessing = encoder, store, preprocessing
        self._labels, self._history = labels, history
        order = np.random.default_rng(stream_seed(seed, "order")).permutation(rows)
        if labels is not None:
            order = order[labels.known[order]]
        patients = store.records["patient_id"].to_numpy()
        self._reference, query = order[:_WATCH_RECORDS], order[_WATCH_RECORDS : 2 * _WATCH_RECORDS]
        self._query = query[~np.isin(patients[query], patients[self._reference])]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        reference = self._embed(self._reference)
        values = {"embedding_sd": embedding_sd(reference), "effective_rank": effective_rank(reference)}
        if self._labels is not None and len(self._query):
            known, asked = self._labels.values[self._reference], self._labels.values[self._query]
            values["knn_auroc"] = knn_probe(reference, known, self._embed(self._query), asked)
        self._history.add(values)

    def _embed(self, rows: np.ndarray) -> np.ndarray:
        return embed(self._encoder, self._preprocessing, self._store, rows, overlap=0.0)


def pretrain(
    make_method: Callable[[], Method],
    store: RecordStore,
    rows: np.ndarray,
    *,
    preprocessing: Preprocessing,
    recipe: Recipe,
    config: PretrainConfig,
    compute: Compute | None = None,
    facts: RecordFacts | None = None,
    passes: np.ndarray | None = None,
    watch_labels: Labels | None = None,
    folder: Path | None = None,
    log: EpochLog | None = None,
    progress: bool = True,
) -> PretrainResult:
    """Train a method's encoder on unlabelled records.

    Args:
        make_method: builds the method around a fresh encoder or one of an earlier pretraining; called once, under a
            seed derived from ``config.seed``.
        store: the records.
        rows: (n,) rows of ``store`` to train on; the caller keeps validation and test patients out of them.
        preprocessing: fitted on the same rows; its window is the length of a view.
        recipe: augmentations that make a view, applied in millivolt after the crop.
        config: schedule and optimiser.
        compute: precision and devices.
        facts: what the method needs to be told about each record; None for a method without needs.
        passes: float (n,) how often each of ``rows`` is seen in an epoch on average; an epoch is as many records as
            their sum. None: each once.
        watch_labels: labels of all records for the kNN probe of the collapse watch; None leaves that probe out.
        folder: where ``history.csv`` and the training state go. If it holds the state of an interrupted run with the
            same settings, the run goes on from its last finished epoch and ends in the same weights as an
            uninterrupted one (on the CPU, bit for bit).
        log: who else is told each epoch's numbers.
        progress: show a progress bar.

    Returns:
        The encoder (on the CPU, in eval mode) and one row of numbers per epoch.

    Raises:
        InputError: fewer than two records per device; records too short for the method's windows; augmentations that
            move what the method must find in place; a state of other settings; a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the state stays.
    """
    compute = compute or Compute()
    if len(rows) < 2 * compute.devices:
        raise InputError("too few records to pretrain on", expected=f"at least {2 * compute.devices}", found=len(rows))
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    method, facts = make_method(), facts or RecordFacts()
    _check_views(method, store, preprocessing, recipe)
    told = facts.identity(), passes
    identity = _identity(store, rows, method, preprocessing, recipe.to_dict(), config, compute, told)
    history, state = kept_in(folder, identity, log)
    fit(
        _PretrainModule(method, BatchDataset(store, rows), preprocessing, recipe, config, facts, passes),
        history,
        [_CollapseWatch(method.encoder, store, rows, preprocessing, watch_labels, history, config.seed)],
        compute=compute,
        max_epochs=config.epochs,
        clip_norm=config.clip_norm,
        title="pretraining" if progress else None,
        state=state,
    )
    return PretrainResult(method.encoder.cpu().eval(), history.rows)


def _check_views(method: Method, store: RecordStore, preprocessing: Preprocessing, recipe: Recipe) -> None:
    """Refuse views that the method cannot learn from."""
    plan, facts = method.plan, store.facts
    wanted_s = plan.windows * preprocessing.window_s
    if plan.adjacent and wanted_s > facts.n_samples / facts.sampling_rate_hz:
        expected = f"at most {facts.n_samples / facts.sampling_rate_hz / plan.windows:g} s for {plan.windows} windows"
        raise InputError("windows do not fit beside each other", field="window_s", expected=expected,
                         found=f"{preprocessing.window_s:g} s")  # fmt: skip
    if method.needs & {"rpeaks", "simulation"} and not recipe.keeps_time:
        moving = [augmentation.name for augmentation in recipe.augmentations if not augmentation.keeps_time]
        raise InputError(f"{type(method).__name__} must find beats and waves where they are", field="recipe",
                         expected="augmentations that keep the time axis", found=", ".join(moving))  # fmt: skip


def _identity(store: RecordStore, rows: np.ndarray, method: Method, *settings: Any) -> str:
    """Hash everything that the trained weights depend on."""
    encoder = (type(method.encoder).__name__, method.encoder.config, module_hash(method.encoder))
    of_method = (type(method).__name__, method.config, encoder)
    return run_identity(store.facts.fingerprint, array_identity(rows), of_method, settings)
