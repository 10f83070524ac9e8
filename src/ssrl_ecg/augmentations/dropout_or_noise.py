"""Dropout or noise: one half of the records loses samples, the other half gains noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.channel_noise import ChannelNoise, ChannelNoiseConfig
from ssrl_ecg.augmentations.sample_dropout import SampleDropout, SampleDropoutConfig


@dataclass(frozen=True, kw_only=True)
class DropoutOrNoiseConfig(AugmentationConfig):
    """Strength and rate of ``DropoutOrNoise``; defaults of KU's Contrastive-ECG."""

    probability: float = 1.0
    dropout_fraction: float = 0.5
    """Chance that a record loses samples; otherwise it gains noise; in [0, 1]."""
    lost_fraction: float = 0.1
    """Chance that a moment is lost, within [0, 0.9], as in ``SampleDropout``."""
    sd_fraction: float = 0.05
    """SD of the noise as a fraction of each lead's SD, within [0, 1], as in ``ChannelNoise``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "dropout_fraction", 0.0, 1.0)
        require_within(self, "lost_fraction", 0.0, 0.9)
        require_within(self, "sd_fraction", 0.0, 1.0)


class DropoutOrNoise(Augmentation):
    """Give each record either ``SampleDropout`` or ``ChannelNoise`` (KU's mix of augmentations).

    KU splits the batch into halves; here each record draws its own side.
    """

    name = "dropout-or-noise"
    config_type = DropoutOrNoiseConfig
    config: DropoutOrNoiseConfig

    def __init__(self, config: DropoutOrNoiseConfig) -> None:
        super().__init__(config)
        sd_fraction = (config.sd_fraction, config.sd_fraction)
        self._dropout = SampleDropout(SampleDropoutConfig(probability=1.0, lost_fraction=config.lost_fraction))
        self._noise = ChannelNoise(ChannelNoiseConfig(probability=1.0, sd_fraction=sd_fraction))

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        drops = torch.rand(len(rows), generator=generator) < self.config.dropout_fraction
        lost = self._dropout._draw(rows, signal_mv, sampling_rate_hz, generator)["lost"]
        noise = self._noise._draw(rows, signal_mv, sampling_rate_hz, generator)
        return {
            "lost": lost & drops.unsqueeze(1),
            "sd_fraction": noise["sd_fraction"].masked_fill(drops.unsqueeze(1), 0.0),
            "noise": noise["noise"],
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        noisy = self._noise._transform(signal_mv, parameters, sampling_rate_hz)
        everyone = Parameters(torch.arange(len(noisy), device=noisy.device), parameters.values)
        return self._dropout._transform(noisy, everyone, sampling_rate_hz)
