"""The encoders of contrastive predictive coding: latents of short stretches, and a context that sums up the past.

Van den Oord, Li and Vinyals 2018, "Representation Learning with Contrastive Predictive Coding"; for the ECG Mehari and
Strodthoff 2022, "Self-supervised representation learning from 12-lead ECG data".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import require_whole
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.models.s4d import S4DBlock

FrontEnd = Literal["strided", "fc"]
Context = Literal["gru", "lstm", "s4d"]

_KERNELS: dict[FrontEnd, tuple[int, ...]] = {"strided": (4, 1, 2, 2), "fc": (1, 1, 1, 1)}
"""Kernel of each convolution, which is also its stride, so that no two latents see the same sample.

The strided front end of Mehari and Strodthoff has kernels of 10, 4, 4 and 4 at strides of 2: a latent sees 52 samples,
its next neighbour 36 of them, and up to three steps ahead are told from others by the samples they share.
"""
_N_STATES = 8
"""Conjugate pairs of states per channel of a state-space context; Mehari and Strodthoff 2023."""


@dataclass(frozen=True, kw_only=True)
class CPCEncoderConfig(EncoderConfig):
    """Settings of ``CPCEncoder``; Mehari and Strodthoff's is ``front_end="fc", context="lstm", width=512``."""

    width: int = 256
    """Channels of latents and contexts (>= 1); theirs is 512, this suits a few CPU cores."""
    front_end: FrontEnd = "strided"
    """Four strided convolutions, one latent per 16 samples; or theirs, four fully connected layers, one per sample."""
    context: Context = "gru"
    """What sums up the past: GRU or LSTM (Mehari and Strodthoff 2022), or S4D blocks (their successor of 2023)."""
    n_layers: int = 2
    """Layers of the context (>= 1); Mehari and Strodthoff."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_whole("n_layers", self.n_layers, 1)
        for name, kinds in (("front_end", get_args(FrontEnd)), ("context", get_args(Context))):
            if (found := getattr(self, name)) not in kinds:
                raise InputError(f"unknown {name}", field=name, expected=" | ".join(kinds), found=found)


class CPCEncoder(Encoder):
    """A front end of four convolutions (each with batch norm and ReLU) and a context that only looks back.

    The layers are the latents (batch, width, time / ``hop_samples``), each of ``hop_samples`` samples of its own, and
    the contexts, of the same shape: context t depends on latents 0 ... t and no later one. The feature vector joins
    mean and maximum of the contexts over time and the last one, which has seen everything (Mehari and Strodthoff's
    concat pooling). Accepts 16 samples or more.
    """

    Config = CPCEncoderConfig
    minimum_samples = 16
    config: CPCEncoderConfig

    def __init__(self, config: CPCEncoderConfig) -> None:
        super().__init__(config)
        kernels, width = _KERNELS[config.front_end], config.width
        self.layer_dims = (width, width)
        self.hop_samples = math.prod(kernels)
        self.front_end = nn.Sequential()
        for number, kernel in enumerate(kernels):
            self.front_end.append(_convolution(width if number else config.n_leads, width, kernel))
        self.context = _context(config)

    @property
    def feature_dim(self) -> int:
        """Length of the feature vector: three times the channels of the contexts."""
        return 3 * self.map_dim

    def pool(self, features: Tensor) -> Tensor:
        """Join mean, maximum and last step: (batch, map_dim, time') -> (batch, 3 map_dim)."""
        return torch.cat([features.mean(dim=-1), features.amax(dim=-1), features[..., -1]], dim=1)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        latents = self.front_end(signal)
        return [latents, self.context(latents)]


class _Recurrent(nn.Module):
    """A recurrent network that reads and writes (batch, channel, time)."""

    def __init__(self, network: nn.RNNBase) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor) -> Tensor:
        along_time: Tensor = self.network(latents.transpose(1, 2))[0]
        return along_time.transpose(1, 2)


def _convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv1d(in_channels, out_channels, kernel, stride=kernel, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(out_channels), nn.ReLU(inplace=True))


def _context(config: CPCEncoderConfig) -> nn.Module:
    """Build what sums up the past."""
    if config.context == "s4d":
        blocks = (S4DBlock(config.width, _N_STATES, bidirectional=False) for _ in range(config.n_layers))
        return nn.Sequential(*blocks)
    kind = nn.GRU if config.context == "gru" else nn.LSTM
    return _Recurrent(kind(config.width, config.width, config.n_layers, batch_first=True))
