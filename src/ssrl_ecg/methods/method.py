"""What every self-supervised method promises: views in, one loss out, and what happens after a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_whole

Need = Literal["beats", "measurements", "rpeaks", "simulation"]
"""What a method may ask to be told about each record besides its signal: what a physician reads off, where the beats
are and what they look like, or what a simulator put in (``ViewBatch`` says how each arrives)."""


@dataclass(frozen=True, kw_only=True)
class ViewPlan:
    """Which windows of a record a method sees, and how many augmented views of each.

    Attributes:
        windows: windows per record (>= 1).
        views_per_window: independently augmented views of each window (>= 1).
        adjacent: whether the windows follow one another without gap or overlap; otherwise each lies anywhere.
    """

    windows: int = 2
    views_per_window: int = 1
    adjacent: bool = False

    def __post_init__(self) -> None:
        """Refuse a plan without a view."""
        require_whole("windows", self.windows, 1)
        require_whole("views_per_window", self.views_per_window, 1)

    @property
    def n_views(self) -> int:
        """Views per record."""
        return self.windows * self.views_per_window


@dataclass(frozen=True, kw_only=True)
class ViewBatch:
    """Several augmented views of the same records.

    Attributes:
        views: one tensor (batch, lead, time) per view, augmented and normalised; row i is the same record in all. The
            views of the first window come first, then those of the second, and so on.
        rows: the records' rows in the store (batch,), int64.
        sampling_rate_hz: samples per second of the views.
        patients: one whole number per record, equal for records of one patient (batch,), or None where unknown.
        targets: float32 (batch, target), standardised, NaN where unknown: for a method that needs "measurements" these,
            the grades of the criteria and the scores of the superclasses; for one that needs "simulation" the
            simulator's parameters and then, 0 or 1, its diagnoses. None for the others.
        rpeaks_s: per window float32 (batch, beat), seconds from the window's beginning, ascending, padded with NaN; for
            a method that needs "rpeaks".
        beat_classes: per window int64 (batch, beat), the class of shape of each beat of ``rpeaks_s``, -1 where there is
            none; for a method that needs "beats".
        beat_features: per window float32 (batch, beat, feature), what each of these beats looks like, standardised, NaN
            where unknown; for a method that needs "beats".
        masks: per window bool (batch, wave, time), waves P, QRS, T; for a method that needs "simulation".
    """

    views: tuple[Tensor, ...]
    rows: Tensor
    sampling_rate_hz: float
    patients: Tensor | None = None
    targets: Tensor | None = None
    rpeaks_s: tuple[Tensor, ...] | None = None
    beat_classes: tuple[Tensor, ...] | None = None
    beat_features: tuple[Tensor, ...] | None = None
    masks: tuple[Tensor, ...] | None = None


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

    A subclass names its ``Config``, adds its private heads and implements ``loss``; where two views of windows anywhere
    are not what it wants, it says so in ``plan`` (in ``__init__`` if settings decide). All it learns or moves is in
    ``state_dict``.

    Attributes:
        encoder: what pretraining is for; everything else is thrown away afterwards.
        config: the settings the method was built from.
        plan: which views of a record it wants.
        needs: what it must be told about each record besides its signal.
    """

    Config: ClassVar[type[ModuleConfig]]
    needs: ClassVar[frozenset[Need]] = frozenset()
    plan: ViewPlan = ViewPlan()
    encoder: Encoder
    config: ModuleConfig

    def __init__(self, encoder: Encoder, config: ModuleConfig) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config

    @abstractmethod
    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Compute the loss of one batch; the batch is not changed.

        Args:
            batch: the views of ``plan``, of at least two records, with all that the method ``needs``.
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
