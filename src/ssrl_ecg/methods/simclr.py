"""SimCLR: two views of a record should be each other's nearest neighbour in the batch.

Chen, Kornblith, Norouzi and Hinton 2020, "A Simple Framework for Contrastive Learning of Visual Representations". Here:
ECG views, negatives gathered over all processes, and other records of the same patient are negatives like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class SimCLRConfig(ModuleConfig):
    """Settings of SimCLR."""

    temperature: float = 0.1
    """Divides cosine similarities, in [0.001, 100]; chosen on the PTB-XL sample (``results/trials``). SSRL-ECG's
    published command uses 0.07, after He et al. 2020 (MoCo)."""
    hidden_dim: int = 2048
    """Hidden units of the projection head (>= 1); Chen et al. 2020 and SSRL-ECG."""
    projection_dim: int = 128
    """Dimensions in which views are compared (>= 1); Chen et al. 2020 and SSRL-ECG."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("temperature", self.temperature, 1e-3, 1e2)
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


class ContrastiveHead(nn.Module):
    """What SimCLR adds to an encoder: a projection (linear, ReLU, linear) and NT-Xent.

    A method with another objective can hold one too, and add its loss to its own.
    """

    def __init__(self, feature_dim: int, config: SimCLRConfig) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.projector = mlp(feature_dim, config.hidden_dim, config.projection_dim, batch_norm=False)

    def forward(self, features: Tensor) -> Loss:
        """Compute NT-Xent over the batches of all processes.

        Args:
            features: (2 batch, feature_dim): all first views, then all second ones.

        Returns:
            The loss; it logs ``alignment``, the mean cosine of the matched projections.
        """
        z_a, z_b = self.projector(features).chunk(2)
        z_a, z_b = gather_with_gradient(z_a), gather_with_gradient(z_b)
        alignment = F.cosine_similarity(z_a.detach().float(), z_b.detach().float()).mean()
        return Loss(value=nt_xent(z_a, z_b, self.temperature), logs={"alignment": alignment})


class SimCLR(Method):
    """Encoder and contrastive head."""

    Config = SimCLRConfig
    config: SimCLRConfig

    def __init__(self, encoder: Encoder, config: SimCLRConfig) -> None:
        super().__init__(encoder, config)
        self.contrast = ContrastiveHead(encoder.feature_dim, config)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Contrast the views; they go through the encoder as one batch, so batch norm sees one population."""
        view_a, view_b = batch.views
        loss: Loss = self.contrast(self.encoder(torch.cat([view_a, view_b])))
        return loss
