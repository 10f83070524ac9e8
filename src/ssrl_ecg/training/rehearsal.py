"""What a training would cost: its first steps for real, the rest by multiplication."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch

from ssrl_ecg.training.run import peak_memory_mb

N_STEPS = 6
"""Steps that are run; the first does not count, as it pays for buffers and threads that later ones find ready."""


@dataclass(frozen=True)
class Estimate:
    """Cost of a whole training, from ``N_STEPS`` of its steps and what follows one epoch.

    Attributes:
        n_steps: optimiser steps of the whole training; an upper bound where it may stop early.
        n_epochs: how often what follows an epoch is done (looks at validation records, saving).
        step_s: median time from one step's end to the next, its data included.
        epoch_end_s: time from the last step to the end of the epoch.
        peak_memory_mb: largest resident memory of this process; on a GPU, largest memory of its tensors.
    """

    n_steps: int
    n_epochs: int
    step_s: float
    epoch_end_s: float
    peak_memory_mb: float

    @property
    def total_s(self) -> float:
        """Time of the whole training."""
        return self.n_steps * self.step_s + self.n_epochs * self.epoch_end_s


@dataclass
class Rehearsal:
    """A training that ends after ``N_STEPS``.

    Attributes:
        estimate: what came out; None where no training was begun.
    """

    estimate: Estimate | None = field(default=None, init=False)


class _Over(BaseException):
    """Leads from the rehearsed training's end to where the rehearsal was begun, past everything in between."""


_rehearsal: ContextVar[Rehearsal | None] = ContextVar("rehearsal", default=None)


@contextmanager
def rehearsing() -> Iterator[Rehearsal]:
    """Let the next training here end after a few steps, and the block with it.

    Yields:
        The rehearsal, whose estimate is known when the block has ended.
    """
    rehearsal = Rehearsal()
    before = _rehearsal.set(rehearsal)
    try:
        yield rehearsal
    except _Over:
        pass
    finally:
        _rehearsal.reset(before)


def stopwatch(planned_steps: int | None) -> Stopwatch | None:
    """Return the callback that measures, if this is a rehearsal; it comes last.

    Args:
        planned_steps: optimiser steps of the whole training; None: as many as its epochs have.
    """
    rehearsal = _rehearsal.get()
    return None if rehearsal is None else Stopwatch(rehearsal, planned_steps)


class Stopwatch(L.Callback):
    """Ends a training after ``N_STEPS``, and notes when its steps ended and its first epoch did."""

    def __init__(self, rehearsal: Rehearsal, planned_steps: int | None) -> None:
        self._rehearsal, self._planned_steps = rehearsal, planned_steps
        self._steps_s: list[float] = []
        self._since = self._epoch_end_s = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin the first step of an epoch, which begins with its data."""
        self._since = time.perf_counter()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Note what the step took, and stop after enough of them."""
        now = time.perf_counter()
        self._steps_s.append(now - self._since)
        self._since = now
        if len(self._steps_s) >= N_STEPS:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note when everything after the epoch was done; of several epochs the last counts."""
        self._epoch_end_s = time.perf_counter() - self._since

    def finish(self, trainer: L.Trainer) -> None:
        """Hand in the estimate and leave the training."""
        on_cuda = trainer.strategy.root_device.type == "cuda"
        self._rehearsal.estimate = Estimate(
            n_steps=self._planned_steps or int(trainer.estimated_stepping_batches),
            n_epochs=trainer.max_epochs or 1,
            step_s=statistics.median(self._steps_s[1:] or self._steps_s),
            epoch_end_s=self._epoch_end_s,
            peak_memory_mb=torch.cuda.max_memory_allocated() / 1e6 if on_cuda else peak_memory_mb(),
        )
        raise _Over
