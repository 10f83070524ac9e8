"""The residual networks of the PTB-XL benchmark.

Strodthoff et al. 2020, "Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL", after He et al. 2019,
"Bag of Tricks for Image Classification with Convolutional Neural Networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ssrl_ecg.models.config import require_whole
from ssrl_ecg.models.encoder import ConcatPoolEncoder, EncoderConfig
from ssrl_ecg.models.resnet import BasicBlock, ResidualBlock, convolution


@dataclass(frozen=True, kw_only=True)
class XResNetConfig(EncoderConfig):
    """Settings of the xresnet1d family; the published width is 64."""

    width: int = 64
    """Channels that every convolution of kernel 5 in the stages has (>= 2); the stem begins with half as many."""

    def __post_init__(self) -> None:
        """Refuse a width that cannot be halved."""
        super().__post_init__()
        require_whole("width", self.width, 2)


class _XBlock(ResidualBlock):
    """Two convolutions of kernel 5; the shortcut halves time by averaging pairs, so that it skips no sample."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__(
            nn.Sequential(
                *convolution(in_channels, width, 5, stride),
                nn.ReLU(inplace=True),
                *convolution(width, width, 5),
            ),
            _averaging_shortcut(in_channels, width, stride),
        )


class _XBottleneck(ResidualBlock):
    """A convolution of kernel 5 between two of kernel 1, the second of which quadruples the channels."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__(
            nn.Sequential(
                *convolution(in_channels, width, 1),
                nn.ReLU(inplace=True),
                *convolution(width, width, 5, stride),
                nn.ReLU(inplace=True),
                *convolution(width, self.expansion * width, 1),
            ),
            _averaging_shortcut(in_channels, self.expansion * width, stride),
        )


class XResNet1D(ConcatPoolEncoder):
    """xresnet1d18: a stem of three convolutions with w/2, w/2 and w channels, max-pool, four stages of basic blocks.

    What the benchmark changed from the image network: kernels of 5 throughout, and the same width in all stages.
    Features: w channels, averaged and maximised (``ConcatPoolEncoder``), time / 32. Accepts 32 samples or more. One
    thing differs from the benchmark: the batch norm that ends a block starts at one, not at zero. With zeros an
    untrained network is its stem and shortcuts alone, and the random-encoder floor would compare with that.
    """

    Config = XResNetConfig
    minimum_samples = 32
    block: ClassVar[type[_XBlock] | type[_XBottleneck]] = _XBlock
    n_blocks: ClassVar[tuple[int, int, int, int]] = (2, 2, 2, 2)

    def __init__(self, config: XResNetConfig) -> None:
        super().__init__(config)
        width, channels = config.width, self.block.expansion * config.width
        self.layer_dims = (width, *[channels] * len(self.n_blocks))
        self.stem = nn.Sequential(
            *convolution(config.n_leads, width // 2, 5, stride=2),
            nn.ReLU(inplace=True),
            *convolution(width // 2, width // 2, 5),
            nn.ReLU(inplace=True),
            *convolution(width // 2, width, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        self.stages = nn.Sequential()
        for n_blocks, in_channels, stride in zip(self.n_blocks, self.layer_dims, (1, 2, 2, 2), strict=False):
            later = (self.block(channels, width, 1) for _ in range(n_blocks - 1))
            self.stages.append(nn.Sequential(self.block(in_channels, width, stride), *later))
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = [self.stem(signal)]
        for stage in self.stages:
            layers.append(stage(layers[-1]))
        return layers


class XResNet1D34(XResNet1D):
    """xresnet1d34: 3, 4, 6 and 3 basic blocks. Everything else as ``XResNet1D``."""

    n_blocks = (3, 4, 6, 3)


class XResNet1D50(XResNet1D):
    """xresnet1d50: 3, 4, 6 and 3 bottleneck blocks, 4w channels; what Mehari and Strodthoff 2022 pretrain."""

    block = _XBottleneck
    n_blocks = (3, 4, 6, 3)


class XResNet1D101(XResNet1D50):
    """xresnet1d101: 3, 4, 23 and 3 bottleneck blocks, 4w channels; the benchmark's best on most tasks."""

    n_blocks = (3, 4, 23, 3)


@dataclass(frozen=True, kw_only=True)
class WangConfig(EncoderConfig):
    """Settings of ``ResNet1DWang``; the published width is 128."""

    width: int = 128
    """Channels of every convolution (>= 1)."""


class ResNet1DWang(ConcatPoolEncoder):
    """resnet1d_wang: a convolution of kernel 7, three basic blocks of kernels 5 and 3, of which two halve time.

    The benchmark's form of Wang, Yan and Oates 2017, "Time Series Classification from Scratch": w channels throughout,
    averaged and maximised (``ConcatPoolEncoder``), time / 4. Accepts 4 samples or more.
    """

    Config = WangConfig
    minimum_samples = 4

    def __init__(self, config: WangConfig) -> None:
        super().__init__(config)
        width, kernels = config.width, (5, 3)
        self.layer_dims = (width,) * 4
        self.stages = nn.Sequential(
            nn.Sequential(*convolution(config.n_leads, width, 7), nn.ReLU(inplace=True)),
            BasicBlock(width, width, 1, kernels),
            BasicBlock(width, width, 2, kernels),
            BasicBlock(width, width, 2, kernels),
        )

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = []
        for stage in self.stages:
            signal = stage(signal)
            layers.append(signal)
        return layers


def _averaging_shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    shortcut = nn.Sequential()
    if stride != 1:
        shortcut.append(nn.AvgPool1d(stride, ceil_mode=True))
    if in_channels != out_channels:
        shortcut.extend(convolution(in_channels, out_channels, 1))
    return shortcut
