"""Barlow Twins: a dimension of one view's projection correlates with the same dimension of the other's, and no other.

Zbontar, Jing, Misra, LeCun and Deny 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction". Here: ECG
views, correlations over the batches of all processes, and a projector that fits an encoder of a few hundred features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ssrl_ecg.losses import barlow_twins_loss
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class BarlowTwinsConfig(ModuleConfig):
    """Settings of Barlow Twins."""

    redundancy_weight: float = 5e-3
    """Weight lambda of the correlations between different dimensions, in [0, 1e6]; Zbontar et al. 2021."""
    hidden_dim: int = 1024
    """Hidden units of the projector (>= 1); four times the features of a ResNet-18 of width 32, as Zbontar et al. 2021
    have four times those of their ResNet-50 (8192)."""
    projection_dim: int = 1024
    """Dimensions that are correlated (>= 1); as ``hidden_dim``."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("redundancy_weight", self.redundancy_weight, 0.0, 1e6)
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


class BarlowTwins(Method):
    """Encoder, projector (three linear layers, batch norm and ReLU between, no bias), redundancy reduction."""

    Config = BarlowTwinsConfig
    config: BarlowTwinsConfig

    def __init__(self, encoder: Encoder, config: BarlowTwinsConfig) -> None:
        super().__init__(encoder, config)
        self.projector = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim, layers=3, last_bias=False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Compare the correlations over the batches of all processes with the identity.

        The loss is a sum over dimensions: divided by their number here, so that gradient clipping means the same at
        every ``projection_dim`` (the paper scales its learning rate instead).
        """
        view_a, view_b = batch.views
        z_a, z_b = self.projector(self.encoder(torch.cat([view_a, view_b]))).chunk(2)
        value = barlow_twins_loss(gather_with_gradient(z_a), gather_with_gradient(z_b), self.config.redundancy_weight)
        return Loss(value=value / self.config.projection_dim)
