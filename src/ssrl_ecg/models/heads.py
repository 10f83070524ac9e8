"""Heads: from an encoder's features to one logit per class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssrl_ecg.models.config import ModuleConfig, require_between, require_whole


class Head(nn.Module, ABC):
    """Maps features to logits (batch, n_outputs); ``reads_map`` says whether it wants the map or the pooled vector.

    Attributes:
        config: the head's own settings.
        feature_dim: number of features it reads: the map's channels if ``reads_map``, else the vector's length.
        n_outputs: number of logits; 1 for a binary task.
    """

    Config: ClassVar[type[ModuleConfig]]
    reads_map: ClassVar[bool]
    config: ModuleConfig
    feature_dim: int
    n_outputs: int

    def __init__(self, config: ModuleConfig, *, feature_dim: int, n_outputs: int) -> None:
        super().__init__()
        require_whole("feature_dim", feature_dim, 1)
        require_whole("n_outputs", n_outputs, 1)
        self.config, self.feature_dim, self.n_outputs = config, feature_dim, n_outputs

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Compute logits.

        Args:
            features: (batch, feature_dim), or (batch, feature_dim, time') if ``reads_map``.

        Returns:
            Logits (batch, n_outputs), unbounded.
        """


@dataclass(frozen=True, kw_only=True)
class LinearHeadConfig(ModuleConfig):
    """A linear head has nothing to set."""


class LinearHead(Head):
    """One linear layer: the readout of the linear-probe protocol."""

    Config = LinearHeadConfig
    reads_map = False

    def __init__(self, config: LinearHeadConfig, *, feature_dim: int, n_outputs: int) -> None:
        super().__init__(config, feature_dim=feature_dim, n_outputs=n_outputs)
        self.output = nn.Linear(feature_dim, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits (batch, n_outputs) from vectors (batch, feature_dim)."""
        logits: Tensor = self.output(features)
        return logits


@dataclass(frozen=True, kw_only=True)
class MLPHeadConfig(ModuleConfig):
    """Settings of ``MLPHead``."""

    hidden: int = 256
    """Hidden units (>= 1); 256 is the feature count of both encoders' default widths."""
    dropout: float = 0.3
    """Probability of dropping a hidden unit while training, in [0, 1]; 0.3 as in SSRL-ECG's classifier head."""

    def __post_init__(self) -> None:
        """Refuse sizes and probabilities out of range."""
        require_whole("hidden", self.hidden, 1)
        require_between("dropout", self.dropout, 0.0, 1.0)


class MLPHead(Head):
    """Linear, ReLU, dropout, linear."""

    Config = MLPHeadConfig
    reads_map = False

    def __init__(self, config: MLPHeadConfig, *, feature_dim: int, n_outputs: int) -> None:
        super().__init__(config, feature_dim=feature_dim, n_outputs=n_outputs)
        self.layers = nn.Sequential(
            nn.Linear(feature_dim, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits (batch, n_outputs) from vectors (batch, feature_dim)."""
        logits: Tensor = self.layers(features)
        return logits


@dataclass(frozen=True, kw_only=True)
class AttentionPoolHeadConfig(ModuleConfig):
    """An attention-pooling head has nothing to set."""


class AttentionPoolHead(Head):
    """A learned query decides which moments count: softmax over time of query . feature / sqrt(d), then a linear layer.

    Scaled dot-product attention (Vaswani et al. 2017, equation 1) with one query and the features as keys and values.
    The query starts at zero, so the untrained head is exactly average pooling.
    """

    Config = AttentionPoolHeadConfig
    reads_map = True

    def __init__(self, config: AttentionPoolHeadConfig, *, feature_dim: int, n_outputs: int) -> None:
        super().__init__(config, feature_dim=feature_dim, n_outputs=n_outputs)
        self.query = nn.Parameter(torch.zeros(feature_dim))
        self.output = nn.Linear(feature_dim, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits (batch, n_outputs) from maps (batch, feature_dim, time')."""
        logits: Tensor = self.output((features * self.attention(features).unsqueeze(1)).sum(dim=-1))
        return logits

    def attention(self, features: Tensor) -> Tensor:
        """Compute each moment's weight: (batch, feature_dim, time') -> (batch, time'), rows sum to 1."""
        scores: Tensor = torch.einsum("d,bdt->bt", self.query, features) / self.feature_dim**0.5
        return torch.softmax(scores, dim=-1)


@dataclass(frozen=True, kw_only=True)
class ConcatPoolHeadConfig(MLPHeadConfig):
    """Settings of ``ConcatPoolHead``: those of ``MLPHead``, with the same values in SSRL-ECG."""


class ConcatPoolHead(Head):
    """Average and maximum over time joined, dropout, linear, ReLU, batch norm, dropout, linear.

    The head of SSRL-ECG's ``ImprovedECGClassifier``. Training batches need two records or more, as batch norm does.
    """

    Config = ConcatPoolHeadConfig
    reads_map = True

    def __init__(self, config: ConcatPoolHeadConfig, *, feature_dim: int, n_outputs: int) -> None:
        super().__init__(config, feature_dim=feature_dim, n_outputs=n_outputs)
        self.layers = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(2 * feature_dim, config.hidden),
            nn.ReLU(),
            nn.BatchNorm1d(config.hidden),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits (batch, n_outputs) from maps (batch, feature_dim, time')."""
        logits: Tensor = self.layers(torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1))
        return logits
