"""BYOL: one view's representation should be predictable from another's, with a slow copy of oneself as the teacher.

Grill et al. 2020, "Bootstrap Your Own Latent". Here: ECG views, and a teacher whose speed is adapted to short trainings
(``BYOL.begin``). There are no negatives, so neither other patients nor other processes take part in the loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssrl_ecg.losses import byol_loss
from ssrl_ecg.methods.method import Loss, Method, ViewBatch
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class BYOLConfig(ModuleConfig):
    """Settings of BYOL."""

    momentum_tau: float = 0.996
    """Share of itself that the target keeps at the start, in [0, 1]; rises to 1 on a cosine; Grill et al. 2020."""
    scale_half_life: bool = True
    """Lower the start value in short trainings, see ``half_life_fraction``; off, ``momentum_tau`` is exact."""
    half_life_fraction: float = 0.1
    """Longest initial half-life of the target's memory as a fraction of all steps, in (0, 1]; our choice."""
    hidden_dim: int = 2048
    """Hidden units of projector and predictor (>= 1); SSRL-ECG (Grill et al. 2020: 4096)."""
    projection_dim: int = 256
    """Dimensions in which views are compared (>= 1); Grill et al. 2020 and SSRL-ECG."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("momentum_tau", self.momentum_tau, 0.0, 1.0)
        require_between("half_life_fraction", self.half_life_fraction, 1e-6, 1.0)
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


def _mlp(in_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    """Linear, batch norm (which makes a bias before it idle), ReLU, linear: Grill et al. 2020, section 3.3."""
    return nn.Sequential(
        nn.Linear(in_dim, hidden_dim, bias=False),
        nn.BatchNorm1d(hidden_dim),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_dim, out_dim),
    )


class BYOL(Method):
    """Online encoder, projector and predictor; target encoder and projector, copied from the online ones at the start.

    The target's weights get no gradient and move only in ``after_step``. In training it normalises with its own batch
    statistics, as the reference implementation does; its running statistics follow from its own passes, not from the
    average. Batch norm needs at least two records in a batch.
    """

    Config = BYOLConfig
    config: BYOLConfig

    def __init__(self, encoder: Encoder, config: BYOLConfig) -> None:
        super().__init__(encoder, config)
        self.projector = _mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim)
        self.predictor = _mlp(config.projection_dim, config.hidden_dim, config.projection_dim)
        self.target_encoder = deepcopy(encoder).requires_grad_(False)
        self.target_projector = deepcopy(self.projector).requires_grad_(False)
        self.start_tau = config.momentum_tau

    def begin(self, total_steps: int) -> None:
        """Fit the start value of tau to the number of steps K.

        A target that keeps tau of itself forgets half of what it was in ln(1/2) / ln(tau) steps: 173 at 0.996. Of the
        paper's 300,000 steps that is little, but in a training of 600 the target would remain its random initial self
        for much of it. So the half-life at the start is at most f K steps, f = ``half_life_fraction``:

            tau_start = min(momentum_tau, (1/2)^(1 / (f K)))

        With f = 0.1 every training of 1,730 steps or more starts at 0.996 exactly; one of 600 steps at 0.989.

        Args:
            total_steps: optimiser steps of the whole training (>= 1).

        Raises:
            ValueError: there is no step to take.
        """
        super().begin(total_steps)
        self.start_tau = self.config.momentum_tau
        if self.config.scale_half_life:
            self.start_tau = min(self.start_tau, 0.5 ** (1 / (self.config.half_life_fraction * total_steps)))

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Predict each view's target projection from the other view: the sum of both directions, in [0, 8].

        Logs ``alignment``, the mean cosine of predictions and targets.
        """
        view_a, view_b = batch.views
        value = byol_loss(self._predict(view_a), self._project_target(view_b))
        value = value + byol_loss(self._predict(view_b), self._project_target(view_a))
        return Loss(value=value, logs={"alignment": 1 - value.detach() / 4})

    def after_step(self, progress: float) -> None:
        """Move the target towards the online weights by 1 - tau (Grill et al. 2020, equation 1)."""
        super().after_step(progress)
        step_size = 1 - self.tau(progress)
        with torch.no_grad():
            for target, online in self._pairs():
                target.lerp_(online, step_size)

    def tau(self, progress: float) -> float:
        """Compute 1 - (1 - tau_start) (cos(pi progress) + 1) / 2 (Grill et al. 2020, section 3.3): 1 at the end."""
        return 1 - (1 - self.start_tau) * (math.cos(math.pi * progress) + 1) / 2

    def _predict(self, view: Tensor) -> Tensor:
        prediction: Tensor = self.predictor(self.projector(self.encoder(view)))
        return prediction

    @torch.no_grad()
    def _project_target(self, view: Tensor) -> Tensor:
        projection: Tensor = self.target_projector(self.target_encoder(view))
        return projection

    def _pairs(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        yield from zip(self.target_encoder.parameters(), self.encoder.parameters(), strict=True)
        yield from zip(self.target_projector.parameters(), self.projector.parameters(), strict=True)
