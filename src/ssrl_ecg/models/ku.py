"""The encoders of KU-AI4H's Contrastive-ECG: one convolutional trunk, four ways to sum up what it says along time.

The architecture is theirs; what keeps theirs from running, or from running with other lengths and embedding sizes, is
not: pools are padded, the trunk's channels are projected where a layer wants others, and every embedding size works.
The contrastive projector that theirs carry belongs to the methods here.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.encoder import Encoder, EncoderConfig

Domain = Literal["time", "frequency"]
_KERNEL = 15
_SLOPE = 0.1
"""Of every leaky ReLU."""
_FLAT_STEPS = 37
"""Steps that theirs flatten: what their unpadded pools leave of 5000 samples."""


@dataclass(frozen=True, kw_only=True)
class KUConfig(EncoderConfig):
    """Settings that all four share."""

    width: int = 32
    """Channels of the trunk's first two convolutions (>= 1), half of those of the others; the published value."""
    embedding_dim: int = 256
    """Length of the feature vector (>= 1); the published value, which is said to be 64 or 256."""
    dropout: float = 0.1
    """Probability of dropping while training, twice that before the vector, in [0, 0.5]; the published value."""
    domain: Domain = "time"
    """Whether the trunk reads samples, or the magnitudes of their Fourier transform (``spectrum``)."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("embedding_dim", self.embedding_dim, 1)
        require_between("dropout", self.dropout, 0.0, 0.5)
        if self.domain not in get_args(Domain):
            raise InputError("unknown domain", field="domain", expected=" | ".join(get_args(Domain)), found=self.domain)


@dataclass(frozen=True, kw_only=True)
class KULayersConfig(KUConfig):
    """Settings of those with a sequence model on the trunk."""

    n_layers: int = 2
    """Layers of the LSTM or the transformer (>= 1); the published value, which is said to be 1 or 2."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("n_layers", self.n_layers, 1)


def spectrum(signal: Tensor) -> Tensor:
    """Turn samples into the magnitudes of their discrete Fourier transform, which are as good as half as many.

    Divided by the square root of the number of samples (theirs are not), so that noise keeps its size at every length.

    Args:
        signal: (batch, lead, time), at least 2 samples long.

    Returns:
        float32 (batch, lead, time // 2); bin k is k x sampling rate / time, from 0 to below half the sampling rate.
    """
    magnitudes: Tensor = torch.fft.rfft(signal.float(), norm="ortho").abs()
    return magnitudes[..., : signal.shape[-1] // 2]


class _KUEncoder(Encoder):
    """Five convolutions of kernel 15 that halve time, an average pool of 15 that halves it again after two and three.

    Each convolution has batch norm, leaky ReLU and dropout. Time / 128: ten seconds at 500 Hz, for which it was
    published, make 40 steps, 2.5 s at 100 Hz two. Accepts 64 samples or more. Convolutions start from He et al.'s 2015
    initialisation: from torch's own, the trunk of an untrained network would hardly move what follows it.
    """

    minimum_samples = 64
    config: KUConfig

    def __init__(self, config: KUConfig) -> None:
        super().__init__(config)
        width, dropout = config.width, config.dropout
        self.trunk_dims = (width, 2 * width, 2 * width)
        pool = nn.AvgPool1d(_KERNEL, stride=2, padding=_KERNEL // 2, count_include_pad=False)
        self.trunk = nn.ModuleList(
            [
                nn.Sequential(
                    *_convolution(config.n_leads, width, dropout), *_convolution(width, width, dropout), pool
                ),
                nn.Sequential(*_convolution(width, 2 * width, dropout), pool),
                nn.Sequential(
                    *_convolution(2 * width, 2 * width, dropout), *_convolution(2 * width, 2 * width, dropout)
                ),
            ]
        )

    @property
    def feature_dim(self) -> int:
        """Length of the feature vector: ``embedding_dim``."""
        return self.config.embedding_dim

    @abstractmethod
    def pool(self, features: Tensor) -> Tensor:
        """Sum a feature map up: (batch, map_dim, time') -> (batch, embedding_dim)."""

    def _layers(self, signal: Tensor) -> list[Tensor]:
        features = spectrum(signal) if self.config.domain == "frequency" else signal
        layers = []
        for stage in self.trunk:
            features = stage(features)
            layers.append(features)
        return layers

    def _output(self, n_inputs: int) -> nn.Sequential:
        """Build what makes the vector: linear, leaky ReLU, twice the dropout."""
        config = self.config
        return nn.Sequential(
            nn.Linear(n_inputs, config.embedding_dim), nn.LeakyReLU(_SLOPE), nn.Dropout(2 * config.dropout)
        )


class KUCNN(_KUEncoder):
    """KU's five convolutions flattened, and one linear layer: the vector knows when something happened.

    Theirs flattens 37 steps and so works at one length; here the map is averaged to 37 parts of equal length first
    (a short map's steps serve several parts), which at 10 s and 500 Hz are almost its own 40 steps.
    """

    Config = KUConfig

    def __init__(self, config: KUConfig) -> None:
        super().__init__(config)
        self.layer_dims = self.trunk_dims
        self.output = self._output(self.map_dim * _FLAT_STEPS)

    def pool(self, features: Tensor) -> Tensor:
        """Embed the map's steps in their order: (batch, map_dim, time') -> (batch, embedding_dim)."""
        vector: Tensor = self.output(F.adaptive_avg_pool1d(features, _FLAT_STEPS).flatten(1))
        return vector


class KUCNNLSTM(_KUEncoder):
    """A two-way LSTM on KU's five convolutions; both directions' final states, and one linear layer.

    Theirs reads the last step, where the backward direction has seen that step alone; here it is read where it ends, at
    the first. Each direction has half of ``embedding_dim`` units, rounded up; the feature map is the LSTM's output.
    """

    Config = KULayersConfig
    config: KULayersConfig

    def __init__(self, config: KULayersConfig) -> None:
        super().__init__(config)
        self.n_units = math.ceil(config.embedding_dim / 2)
        self.layer_dims = (*self.trunk_dims, 2 * self.n_units)
        self.lstm = nn.LSTM(
            self.trunk_dims[-1],
            self.n_units,
            config.n_layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.n_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.output = self._output(2 * self.n_units)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = super()._layers(signal)
        along_time, _ = self.lstm(layers[-1].transpose(1, 2))
        return [*layers, along_time.transpose(1, 2)]

    def final_states(self, features: Tensor) -> Tensor:
        """Join the forward direction's last step and the backward direction's first: (batch, map_dim)."""
        return torch.cat([features[:, : self.n_units, -1], features[:, self.n_units :, 0]], dim=1)

    def pool(self, features: Tensor) -> Tensor:
        """Embed the final states: (batch, map_dim, time') -> (batch, embedding_dim)."""
        vector: Tensor = self.output(self.dropout(self.final_states(features)))
        return vector


class KUCNNAttentionLSTM(KUCNNLSTM):
    """The LSTM of ``KUCNNLSTM``, whose final states choose which steps count (Bahdanau et al. 2015)."""

    def __init__(self, config: KULayersConfig) -> None:
        super().__init__(config)
        self.energy = nn.Linear(2 * self.map_dim, self.map_dim)
        self.score = nn.Linear(self.map_dim, 1, bias=False)

    def attention(self, features: Tensor) -> Tensor:
        """Compute each step's weight: (batch, map_dim, time') -> (batch, time'), rows sum to 1."""
        steps = features.transpose(1, 2)
        query = self.final_states(features).unsqueeze(1).expand_as(steps)
        scores = self.score(torch.tanh(self.energy(torch.cat([query, steps], dim=2))))
        return torch.softmax(scores.squeeze(2), dim=1)

    def pool(self, features: Tensor) -> Tensor:
        """Embed the weighted average of the steps: (batch, map_dim, time') -> (batch, embedding_dim)."""
        context = (features * self.attention(features).unsqueeze(1)).sum(dim=-1)
        vector: Tensor = self.output(self.dropout(context))
        return vector


@dataclass(frozen=True, kw_only=True)
class KUTransformerConfig(KULayersConfig):
    """Settings of ``KUCNNTransformer``."""

    n_heads: int = 4
    """Attention heads (>= 1); where they do not divide ``embedding_dim``, as many of them as do. The published value,
    which is said to be 2 to 4."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("n_heads", self.n_heads, 1)


class KUCNNTransformer(_KUEncoder):
    """A transformer on KU's five convolutions, averaged; the feature map is the transformer's output.

    Post-norm layers with ReLU whose feed-forward part is as wide as the embedding. There is no positional encoding, as
    in theirs: what the trunk saw of a step's surroundings is all that tells its place. Theirs runs only where
    ``embedding_dim`` equals the trunk's channels; here a linear layer leads from the one to the other.
    """

    Config = KUTransformerConfig

    def __init__(self, config: KUTransformerConfig) -> None:
        super().__init__(config)
        size = config.embedding_dim
        self.layer_dims = (*self.trunk_dims, size)
        self.projection = nn.Linear(self.trunk_dims[-1], size)
        layer = nn.TransformerEncoderLayer(
            size, math.gcd(config.n_heads, size), dim_feedforward=size, dropout=config.dropout, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, config.n_layers, enable_nested_tensor=False)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = super()._layers(signal)
        along_time = self.transformer(self.projection(layers[-1].transpose(1, 2)))
        return [*layers, along_time.transpose(1, 2)]

    def pool(self, features: Tensor) -> Tensor:
        """Average the steps: (batch, embedding_dim, time') -> (batch, embedding_dim)."""
        return features.mean(dim=-1)


def _convolution(in_channels: int, out_channels: int, dropout: float) -> list[nn.Module]:
    convolution = nn.Conv1d(in_channels, out_channels, _KERNEL, stride=2, padding=_KERNEL // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, a=_SLOPE)
    return [convolution, nn.BatchNorm1d(out_channels), nn.LeakyReLU(_SLOPE), nn.Dropout(dropout)]
