"""What every self-supervised method promises: views in, one loss out, and what happens after a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssrl_ecg.models import Encoder, ModuleConfig


@dataclass(frozen=True, kw_only=True)
class ViewBatch:
    """Several augmented views of the same records.

    Attributes:
        views: one tensor (batch, lead, time) per view, augmented and normalised; row i is the same record in all.
        rows: the records' rows in the store (batch,), int64.
        patients: one whole number per record, equal for records of one patient (batch,), or None where unknown.
    """

    views: tuple[Tensor, ...]
    rows: Tensor
    patients: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a method computed from one batch.

    Attributes:
        value: the scalar to minimise.
        logs: detached scalars worth plotting, by name.
    """

    value: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


class Method(nn.Module, ABC):
    """A self-supervised objective around an encoder; knows nothing of optimisers, devices, data or logging.

    A subclass names its ``Config`` and ``n_views``, adds its private heads and implements ``loss``. All it learns or
    moves is in ``state_dict``.

    Attributes:
        encoder: what pretraining is for; everything else is thrown away afterwards.
        config: the settings the method was built from.
    """

    Config: ClassVar[type[ModuleConfig]]
    n_views: ClassVar[int]
    encoder: Encoder
    config: ModuleConfig

    def __init__(self, encoder: Encoder, config: ModuleConfig) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config

    @abstractmethod
    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Compute the loss of one batch; the batch is not changed.

        Args:
            batch: ``n_views`` views of at least two records.
            generator: where a method that draws anything draws from, on the views' device.
        """

    def begin(self, total_steps: int) -> None:
        """Tell the method how many optimiser steps training will have (>= 1): called before the first, and on resuming.

        Raises:
            ValueError: there is no step to take.
        """
        if total_steps < 1:
            raise ValueError(f"training needs at least one step, not {total_steps}")

    def after_step(self, progress: float) -> None:
        """Move what no gradient moves; called after each optimiser step.

        Args:
            progress: optimiser steps taken / total steps, in (0, 1].

        Raises:
            ValueError: the progress is outside [0, 1].
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"progress must be in [0, 1], not {progress}")
