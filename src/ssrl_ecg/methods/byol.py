"""BYOL: one view's representation should be predictable from another's, with a slow copy of oneself as the teacher.

Grill et al. 2020, "Bootstrap Your Own Latent". Here: ECG views, and a teacher whose speed is adapted to short trainings
(``MomentumMethod.begin``). There are no negatives, so neither other patients nor other processes take part in the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.losses import byol_loss
from ssrl_ecg.methods.method import Loss, ViewBatch
from ssrl_ecg.methods.momentum import MomentumConfig, MomentumMethod
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_whole


@dataclass(frozen=True, kw_only=True)
class BYOLConfig(MomentumConfig):
    """Settings of BYOL."""

    half_life_fraction: float = 0.005
    """Longest initial half-life of the target's memory as a fraction of all steps, in (0, 1]; chosen on the PTB-XL
    sample (``results/trials``): slower teachers that were tried gave features that were worse with 1 % of the labels,
    level or worse with 10 %, and level or better with all."""
    hidden_dim: int = 2048
    """Hidden units of projector and predictor (>= 1); SSRL-ECG (Grill et al. 2020: 4096)."""
    projection_dim: int = 256
    """Dimensions in which views are compared (>= 1); Grill et al. 2020 and SSRL-ECG."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


class BYOL(MomentumMethod):
    """Online encoder, projector and predictor; target encoder and projector, copied from the online ones at the start.

    The target's weights get no gradient and move only in ``after_step``. In training it normalises with its own batch
    statistics, as the reference implementation does; its running statistics follow from its own passes, not from the
    average. Batch norm needs at least two records in a batch.
    """

    Config = BYOLConfig
    config: BYOLConfig

    def __init__(self, encoder: Encoder, config: BYOLConfig) -> None:
        super().__init__(encoder, config)
        self.projector = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim)
        self.predictor = mlp(config.projection_dim, config.hidden_dim, config.projection_dim)
        self.target_encoder = deepcopy(encoder).requires_grad_(False)
        self.target_projector = deepcopy(self.projector).requires_grad_(False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Predict each view's target projection from the other view: the sum of both directions, in [0, 8].

        Logs ``alignment``, the mean cosine of predictions and targets.
        """
        view_a, view_b = batch.views
        value = byol_loss(self._predict(view_a), self._project_target(view_b))
        value = value + byol_loss(self._predict(view_b), self._project_target(view_a))
        return Loss(value=value, logs={"alignment": 1 - value.detach() / 4})

    def _predict(self, view: Tensor) -> Tensor:
        prediction: Tensor = self.predictor(self.projector(self.encoder(view)))
        return prediction

    @torch.no_grad()
    def _project_target(self, view: Tensor) -> Tensor:
        projection: Tensor = self.target_projector(self.target_encoder(view))
        return projection

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(self.target_encoder.parameters(), self.encoder.parameters(), strict=True)
        yield from zip(self.target_projector.parameters(), self.projector.parameters(), strict=True)
