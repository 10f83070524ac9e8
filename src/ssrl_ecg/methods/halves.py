"""Halves: both halves of a stretch of ECG, each seen twice, alone and put together.

The "CLOCKS" of KU-AI4H's Contrastive-ECG, which has neither leads nor patients for views: four views, two neighbouring
halves x two augmentations. Theirs compares single halves and aggregates them in the classifier only; here what is
aggregated is contrasted too, so that the aggregation is learnt without labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole

Aggregation = Literal["concat", "sum", "mean", "attention"]


@dataclass(frozen=True, kw_only=True)
class HalvesConfig(ModuleConfig):
    """Settings of the four-view method on halves."""

    aggregation: Aggregation = "mean"
    """How two halves become one vector; mean is what averaging over windows does afterwards."""
    temperature: float = 0.07
    """Divides cosine similarities, in [0.001, 100]; KU-AI4H."""
    hidden_dim: int = 256
    """Hidden units of both projection heads (>= 1); theirs is the embedding's length, 64 or 256."""
    projection_dim: int = 128
    """Dimensions in which views are compared (>= 1); theirs is 64 or 128."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.aggregation not in get_args(Aggregation):
            expected = " | ".join(get_args(Aggregation))
            raise InputError("unknown aggregation", field="aggregation", expected=expected, found=self.aggregation)
        require_between("temperature", self.temperature, 1e-3, 1e2)
        require_whole("hidden_dim", self.hidden_dim, 1)
        require_whole("projection_dim", self.projection_dim, 1)


class Halves(Method):
    """Two adjacent windows 1 and 2, two views a and b of each; NT-Xent between views, and between what they add up to.

    The loss is the mean of L(1a, 1b), L(2a, 2b), L(1a, 2b) and L(2a, 1b), which are KU-AI4H's four, plus the loss of
    the aggregated records, L(1a + 2a, 1b + 2b), behind a projection head of its own. Other records of the same patient
    are negatives like any other.
    """

    Config = HalvesConfig
    config: HalvesConfig
    plan = ViewPlan(windows=2, views_per_window=2, adjacent=True)

    def __init__(self, encoder: Encoder, config: HalvesConfig) -> None:
        super().__init__(encoder, config)
        self.aggregate = Aggregate(config.aggregation, encoder.feature_dim)
        sizes = config.hidden_dim, config.projection_dim
        self.half_projector = mlp(encoder.feature_dim, *sizes, batch_norm=False)
        self.record_projector = mlp(self.aggregate.n_outputs, *sizes, batch_norm=False)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Add the mean loss of the halves and the loss of the records; logs ``halves_loss`` and ``record_loss``."""
        features = self.encoder(torch.cat(batch.views))
        half_1a, half_1b, half_2a, half_2b = (gather_with_gradient(z) for z in self.half_projector(features).chunk(4))
        pairs = ((half_1a, half_1b), (half_2a, half_2b), (half_1a, half_2b), (half_2a, half_1b))
        temperature = self.config.temperature
        halves = torch.stack([nt_xent(one, other, temperature) for one, other in pairs]).mean()
        first, second = features.chunk(2)
        record_a, record_b = self.record_projector(self.aggregate(first, second)).chunk(2)
        record = nt_xent(gather_with_gradient(record_a), gather_with_gradient(record_b), temperature)
        return Loss(value=halves + record, logs={"halves_loss": halves.detach(), "record_loss": record.detach()})


class Aggregate(nn.Module):
    """Two vectors become one: joined, added, averaged, or averaged with the weights of attention.

    Attention is one learned query: softmax over the two of query . vector / sqrt(d). The query starts at zero, so that
    attention starts as the mean.

    Attributes:
        n_outputs: length of the vector that comes out.
    """

    def __init__(self, kind: Aggregation, n_inputs: int) -> None:
        super().__init__()
        self.kind, self.n_outputs = kind, n_inputs * (2 if kind == "concat" else 1)
        self.query = nn.Parameter(torch.zeros(n_inputs)) if kind == "attention" else None

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Aggregate two (batch, dim) into (batch, n_outputs)."""
        if self.kind == "concat":
            return torch.cat([first, second], dim=1)
        both = torch.stack([first, second], dim=1)
        if self.kind == "sum":
            return both.sum(dim=1)
        if self.query is None:
            return both.mean(dim=1)
        weights = torch.softmax(both @ self.query / both.shape[-1] ** 0.5, dim=1)
        return (both * weights.unsqueeze(-1)).sum(dim=1)
