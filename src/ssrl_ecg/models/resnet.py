"""ResNet-18 with one-dimensional convolutions: He et al. 2016, "Deep Residual Learning for Image Recognition"."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.models.encoder import Encoder, EncoderConfig


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(EncoderConfig):
    """Settings of ``ResNet1D``; with 12 leads 0.24 M parameters at width 16, 0.97 M at 32, 3.85 M at 64."""

    width: int = 32
    """Channels of the first stage (>= 1); at 32 pretraining on a few CPU cores takes minutes rather than hours."""


class _BasicBlock(nn.Module):
    """Two convolutions of kernel 3 around a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm1d(out_channels),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut.append(nn.Conv1d(in_channels, out_channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm1d(out_channels))

    def forward(self, features: Tensor) -> Tensor:
        total: Tensor = self.residual(features) + self.shortcut(features)
        return F.relu(total, inplace=True)


class ResNet1D(Encoder):
    """Stem (kernel 7, stride 2, max-pool), then four stages of two basic blocks with w, 2w, 4w and 8w channels.

    Features: 8 x width, time / 32. Accepts 32 samples or more. Convolutions start from He et al.'s 2015 initialisation
    (fan-out), which keeps the features' scale through an untrained network: the random-encoder floor depends on it.
    """

    Config = ResNetConfig
    minimum_samples = 32

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        width = config.width
        self.layer_dims = (width, width, 2 * width, 4 * width, 8 * width)
        self.stem = nn.Sequential(
            nn.Conv1d(config.n_leads, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        self.stages = nn.Sequential(
            _stage(width, width, stride=1),
            _stage(width, 2 * width, stride=2),
            _stage(2 * width, 4 * width, stride=2),
            _stage(4 * width, 8 * width, stride=2),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = [self.stem(signal)]
        for stage in self.stages:
            layers.append(stage(layers[-1]))
        return layers


def _stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_BasicBlock(in_channels, out_channels, stride), _BasicBlock(out_channels, out_channels, 1))
