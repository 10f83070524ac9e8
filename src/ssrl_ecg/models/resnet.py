"""Residual networks along time: He et al. 2016, "Deep Residual Learning for Image Recognition"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.models.encoder import Encoder, EncoderConfig


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(EncoderConfig):
    """Settings of the residual networks; ResNet-18 has 0.24 M parameters at width 16, 0.97 M at 32, 3.85 M at 64."""

    width: int = 32
    """Channels of the first stage (>= 1); at 32 pretraining on a few CPU cores takes minutes rather than hours."""


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Build a convolution and its batch norm: (batch, in_channels, time) -> (batch, out_channels, ceil(time / stride)).

    ``kernel`` is odd.
    """
    layer = nn.Conv1d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(out_channels))


class ResidualBlock(nn.Module):
    """ReLU(residual(x) + shortcut(x)): (batch, channel, time) -> (batch, channel', time')."""

    expansion: ClassVar[int]

    def __init__(self, residual: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, features: Tensor) -> Tensor:
        """Add what the residual branch says to what came in."""
        total: Tensor = self.residual(features) + self.shortcut(features)
        return F.relu(total, inplace=True)


class BasicBlock(ResidualBlock):
    """Two convolutions (He et al. 2016, figure 2)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, kernels: tuple[int, int] = (3, 3)) -> None:
        residual = nn.Sequential(
            *convolution(in_channels, width, kernels[0], stride),
            nn.ReLU(inplace=True),
            *convolution(width, width, kernels[1]),
        )
        super().__init__(residual, _shortcut(in_channels, width, stride))


class Bottleneck(ResidualBlock):
    """A convolution of kernel 3 between two of kernel 1, the second of which quadruples the channels (figure 5)."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        out_channels = self.expansion * width
        residual = nn.Sequential(
            *convolution(in_channels, width, 1),
            nn.ReLU(inplace=True),
            *convolution(width, width, 3, stride),
            nn.ReLU(inplace=True),
            *convolution(width, out_channels, 1),
        )
        super().__init__(residual, _shortcut(in_channels, out_channels, stride))


class ResNet1D(Encoder):
    """ResNet-18: stem (kernel 7, stride 2, max-pool), four stages of two basic blocks with w, 2w, 4w and 8w channels.

    Features: 8 x width, time / 32. Accepts 32 samples or more. Convolutions start from He et al.'s 2015 initialisation
    (fan-out), which keeps the features' scale through an untrained network: the random-encoder floor depends on it.
    """

    Config = ResNetConfig
    minimum_samples = 32
    block: ClassVar[type[BasicBlock] | type[Bottleneck]] = BasicBlock
    n_blocks: ClassVar[tuple[int, int, int, int]] = (2, 2, 2, 2)

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        widths = tuple(factor * config.width for factor in (1, 2, 4, 8))
        self.stem, channels = self._stem(config)
        self.layer_dims = (channels, *(self.block.expansion * width for width in widths))
        self.stages = nn.Sequential()
        for width, n_blocks, stride in zip(widths, self.n_blocks, (1, 2, 2, 2), strict=True):
            self.stages.append(self._stage(channels, width, n_blocks, stride))
            channels = self.block.expansion * width
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stem(self, config: ResNetConfig) -> tuple[nn.Module, int]:
        """Build what precedes the stages, time / 4; and say how many channels it has."""
        width = config.width
        stem = nn.Sequential(
            *convolution(config.n_leads, width, 7, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        return stem, width

    def _stage(self, in_channels: int, width: int, n_blocks: int, stride: int) -> nn.Sequential:
        later = (self.block(self.block.expansion * width, width, 1) for _ in range(n_blocks - 1))
        return nn.Sequential(self.block(in_channels, width, stride), *later)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = [self.stem(signal)]
        for stage in self.stages:
            layers.append(stage(layers[-1]))
        return layers


class ResNet1D34(ResNet1D):
    """ResNet-34: 3, 4, 6 and 3 basic blocks. Everything else as ``ResNet1D``."""

    n_blocks = (3, 4, 6, 3)


class ResNet1D50(ResNet1D):
    """ResNet-50: 3, 4, 6 and 3 bottleneck blocks; features: 32 x width. Everything else as ``ResNet1D``.

    A block that halves time does so in its middle convolution rather than the first, as in torchvision and the PTB-XL
    benchmark, so that no sample is skipped.
    """

    block = Bottleneck
    n_blocks = (3, 4, 6, 3)


class ResNet1D101(ResNet1D50):
    """ResNet-101: 3, 4, 23 and 3 bottleneck blocks. Everything else as ``ResNet1D50``."""

    n_blocks = (3, 4, 23, 3)


class MultiScaleResNet1D(ResNet1D):
    """ResNet-18 that looks at three time scales first: kernels of 5, 15 and 31 samples side by side.

    The front end is SSRL-ECG's: each kernel has its own batch norm and ReLU, and their channels, 3 x width, are joined.
    At 100 Hz they last 50, 150 and 310 ms: a deflection, a QRS complex, an ST-T segment. SSRL-ECG leaves open what
    follows; here they step two samples and feed a ResNet-18 in place of its stem. Everything else as ``ResNet1D``.
    """

    def _stem(self, config: ResNetConfig) -> tuple[nn.Module, int]:
        kernels = (5, 15, 31)
        scales = _Parallel(convolution(config.n_leads, config.width, kernel, stride=2) for kernel in kernels)
        stem = nn.Sequential(scales, nn.ReLU(inplace=True), nn.MaxPool1d(3, stride=2, padding=1))
        return stem, len(kernels) * config.width


class _Parallel(nn.ModuleList):
    """Modules that read the same input; their channels are joined."""

    def forward(self, signal: Tensor) -> Tensor:
        return torch.cat([module(signal) for module in self], dim=1)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Do nothing where the shape stays, else a convolution of kernel 1 (He et al. 2016, option B)."""
    if stride == 1 and in_channels == out_channels:
        return nn.Sequential()
    return convolution(in_channels, out_channels, 1, stride)
