"""The plain convolutional encoder that SSRL-ECG published, under its published name."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ssrl_ecg.models.encoder import Encoder, EncoderConfig


@dataclass(frozen=True, kw_only=True)
class CNNConfig(EncoderConfig):
    """Settings of ``ECGEncoder1DCNN``; the published width is 64 (stages of 64, 128 and 256 channels)."""


_MODULES_PER_STAGE = 6
"""Two convolutions, each followed by batch norm and ReLU."""


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv1d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm1d(out_channels), nn.ReLU(inplace=True)]


class ECGEncoder1DCNN(Encoder):
    """Three stages of two convolutions (kernels 11-7, 7-5, 5-3; the first of each halves time), each BN-ReLU.

    At width 64 and 12 leads: 538,624 parameters, 256 features, time / 8, receptive field 83 samples (0.83 s at 100 Hz).
    Accepts 8 samples or more. The architecture is the one SSRL-ECG documents.
    """

    Config = CNNConfig
    minimum_samples = 8

    def __init__(self, config: CNNConfig) -> None:
        super().__init__(config)
        width = config.width
        self.layer_dims = (width, 2 * width, 4 * width)
        self.stages = nn.Sequential(
            *_convolution(config.n_leads, width, 11, stride=2),
            *_convolution(width, width, 7),
            *_convolution(width, 2 * width, 7, stride=2),
            *_convolution(2 * width, 2 * width, 5),
            *_convolution(2 * width, 4 * width, 5, stride=2),
            *_convolution(4 * width, 4 * width, 3),
        )

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = []
        for number, module in enumerate(self.stages, start=1):
            signal = module(signal)
            if number % _MODULES_PER_STAGE == 0:
                layers.append(signal)
        return layers
