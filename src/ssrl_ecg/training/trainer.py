"""One quiet run of Lightning's trainer: one progress bar, no chatter, and a Ctrl-C that reaches the caller."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from tqdm import tqdm

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.history import History
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.rehearsal import stopwatch
from ssrl_ecg.training.state import SaveState, TrainingState


class _RefuseDivergence(L.Callback):
    """Ends the training, with its epoch's number, when the mean loss of an epoch is not finite."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loss = float(trainer.callback_metrics["loss"])
        if not math.isfinite(loss):
            what = f"the loss is {loss} in epoch {trainer.current_epoch}"
            raise InputError(f"{what}; a lower learning rate or precision 32 usually helps", field="loss")


class _StopAfter(L.Callback):
    """Ends the training after a number of steps, also within an epoch; Lightning's own limit miscounts resumed epochs.

    Args:
        steps: optimiser steps of the whole training.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step >= self.steps:
            trainer.should_stop = True


class _ProgressBar(L.Callback):
    """One bar over all steps of the training, on stderr, with the last epoch's numbers behind it."""

    def __init__(self, title: str, history: History, max_steps: int | None) -> None:
        self._title, self._history, self._max_steps = title, history, max_steps
        self._bar: tqdm[Any] = tqdm(disable=True)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._bar = tqdm(
            desc=self._title,
            total=self._max_steps or int(trainer.estimated_stepping_batches),
            initial=trainer.global_step,
            unit="step",
            dynamic_ncols=True,
            disable=not trainer.is_global_zero,
        )

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._max_steps is None:
            self._bar.set_description(f"{self._title}, epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self._bar.update(trainer.global_step - self._bar.n)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        row = self._history.rows[-1]
        self._bar.set_postfix({name: f"{value:.3g}" for name, value in row.items() if name != "epoch"})

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._bar.close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._bar.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back Lightning's notices (devices, tips, its own deprecations); its errors and others' warnings pass."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _make_trainer(
    compute: Compute,
    callbacks: list[L.Callback],
    state: TrainingState | None,
    *,
    max_epochs: int,
    clip_norm: float,
) -> L.Trainer:
    """Lightning trainer without logger, bar, summary and checkpoint callback of its own."""
    on_cuda = compute.accelerator in ("gpu", "cuda") or (compute.accelerator == "auto" and torch.cuda.is_available())
    try:
        return L.Trainer(
            accelerator=compute.accelerator,
            devices=compute.devices,
            strategy=compute.strategy,
            precision="bf16-mixed" if compute.precision == "bf16" else "32-true",
            max_epochs=max_epochs,
            gradient_clip_val=clip_norm or None,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            sync_batchnorm=compute.devices > 1 and on_cuda,
            plugins=[] if state is None else [state],
        )
    except (MisconfigurationException, ValueError) as error:
        raise InputError(f"this machine cannot compute that way: {error}", field="compute", found=compute) from error


def fit(
    module: L.LightningModule,
    history: History,
    callbacks: Sequence[L.Callback],
    *,
    compute: Compute,
    max_epochs: int,
    max_steps: int | None = None,
    clip_norm: float,
    title: str | None,
    state: TrainingState | None = None,
) -> None:
    """Train a module to the end, from where ``state`` says it was.

    Args:
        module: logs "loss" once per epoch.
        history: closes its row after every epoch.
        callbacks: act after every epoch, before the row is closed.
        compute: precision and devices.
        max_epochs: epochs.
        max_steps: optimiser steps after which training ends, also within an epoch; None: no such limit.
        clip_norm: gradient norm above which gradients are scaled down; 0 for never.
        title: what the progress bar is called; None for no bar.
        state: saved after every epoch and, if the file is there, resumed from.

    Raises:
        InputError: a loss that is not finite, a damaged or foreign state, or devices that are not there.
        KeyboardInterrupt: Ctrl-C; the state of the last finished epoch is on disk.
    """
    last: list[L.Callback] = [SaveState(state.path)] if state else []
    watch = stopwatch(max_steps)
    if title is not None and watch is None:
        last.append(_ProgressBar(title, history, max_steps))
    if max_steps is not None:
        last.append(_StopAfter(max_steps))
    if watch is not None:
        last.append(watch)
    resume_from = state.path if state is not None and state.path.exists() else None
    with _quiet():
        trainer = _make_trainer(
            compute,
            [_RefuseDivergence(), *callbacks, history, *last],
            state,
            max_epochs=max_epochs,
            clip_norm=clip_norm,
        )
        try:
            trainer.fit(module, ckpt_path=resume_from, weights_only=True)
        except SystemExit as leaving:  # which is what Lightning makes of a Ctrl-C
            if not isinstance(leaving.__context__, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from None
    if watch is not None:
        watch.finish(trainer)
