"""inception1d of the PTB-XL benchmark (Strodthoff et al. 2020), after Ismail Fawaz et al. 2020, "InceptionTime"."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.models.encoder import ConcatPoolEncoder, EncoderConfig
from ssrl_ecg.models.resnet import convolution

_KERNELS = (39, 19, 9)
"""The benchmark's 40, 20 and 10 samples made odd, at 100 Hz about 0.4, 0.2 and 0.1 s."""


@dataclass(frozen=True, kw_only=True)
class InceptionConfig(EncoderConfig):
    """Settings of ``Inception1D``; the published width is 32."""

    width: int = 32
    """Channels of each kernel and of the bottleneck before them (>= 1); a module has four times as many."""


class _Module(nn.Module):
    """Three kernels on a bottleneck and one max-pool side by side, joined, then batch norm and ReLU."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(in_channels, width, 1, bias=False)
        self.kernels = nn.ModuleList(nn.Conv1d(width, width, k, padding=k // 2, bias=False) for k in _KERNELS)
        self.pooled = nn.Sequential(nn.MaxPool1d(3, 1, padding=1), nn.Conv1d(in_channels, width, 1, bias=False))
        self.norm = nn.BatchNorm1d(4 * width)

    def forward(self, features: Tensor) -> Tensor:
        narrow = self.bottleneck(features)
        joined = torch.cat([*(kernel(narrow) for kernel in self.kernels), self.pooled(features)], dim=1)
        return F.relu(self.norm(joined))


class _Group(nn.Module):
    """Three modules around a shortcut of one convolution and batch norm."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        channels = (in_channels, *[4 * width] * 3)
        self.modules_in_turn = nn.Sequential(*(_Module(channel, width) for channel, _ in pairwise(channels)))
        self.shortcut = convolution(in_channels, 4 * width, 1)

    def forward(self, features: Tensor) -> Tensor:
        total: Tensor = self.modules_in_turn(features) + self.shortcut(features)
        return F.relu(total)


class Inception1D(ConcatPoolEncoder):
    """Six inception modules in two groups of three, a shortcut around each group; time is not shortened.

    Features: 4w channels, averaged and maximised (``ConcatPoolEncoder``), at every sample. Accepts one sample or more.
    """

    Config = InceptionConfig
    minimum_samples = 1

    def __init__(self, config: InceptionConfig) -> None:
        super().__init__(config)
        channels = 4 * config.width
        self.layer_dims = (channels, channels)
        self.groups = nn.ModuleList([_Group(config.n_leads, config.width), _Group(channels, config.width)])

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = []
        for group in self.groups:
            signal = group(signal)
            layers.append(signal)
        return layers
