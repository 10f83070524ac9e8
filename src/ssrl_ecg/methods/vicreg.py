"""VICReg: views agree, every dimension varies over the batch, and no two dimensions repeat each other.

Bardes, Ponce and LeCun 2022, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning". No
negatives, no teacher: variance and covariance keep the representation from collapsing. Here: ECG views, statistics over
the batches of all processes, and an expander that fits an encoder of a few hundred features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ssrl_ecg.losses import vicreg_terms
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class VICRegConfig(ModuleConfig):
    """Settings of VICReg."""

    invariance_weight: float = 25.0
    """Weight of the squared distance of two views, in [0, 1e6]; Bardes et al. 2022."""
    variance_weight: float = 25.0
    """Weight of the missing standard deviation, in [0, 1e6]; Bardes et al. 2022."""
    covariance_weight: float = 1.0
    """Weight of the squared covariances, in [0, 1e6]; Bardes et al. 2022."""
    hidden_dim: int = 1024
    """Hidden units of the expander (>= 1); four times the features of a ResNet-18 of width 32, as Bardes et al. 2022
    have four times those of their ResNet-50 (8192)."""
    projection_dim: int = 1024
    """Dimensions whose variance and covariance count (>= 1); as ``hidden_dim``."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("invariance_weight", "variance_weight", "covariance_weight"):
            require_between(name, getattr(self, name), 0.0, 1e6)
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


class VICReg(Method):
    """Encoder, expander (three linear layers, batch norm and ReLU between, no bias), three terms."""

    Config = VICRegConfig
    config: VICRegConfig

    def __init__(self, encoder: Encoder, config: VICRegConfig) -> None:
        super().__init__(encoder, config)
        self.expander = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim, layers=3, last_bias=False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Weigh the three terms over the batches of all processes; logs each of them, not weighted."""
        view_a, view_b = batch.views
        z_a, z_b = self.expander(self.encoder(torch.cat([view_a, view_b]))).chunk(2)
        terms = vicreg_terms(gather_with_gradient(z_a), gather_with_gradient(z_b))
        weights = (self.config.invariance_weight, self.config.variance_weight, self.config.covariance_weight)
        value = sum((weight * term for weight, term in zip(weights, terms, strict=True)), torch.zeros_like(terms[0]))
        return Loss(value=value, logs={name: term.detach() for name, term in terms._asdict().items()})
