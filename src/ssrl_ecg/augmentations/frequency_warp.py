"""Frequency warping: the same heart, beating a little faster or slower."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.time_axis import sample_at


@dataclass(frozen=True, kw_only=True)
class FrequencyWarpConfig(AugmentationConfig):
    """Strength and rate of ``FrequencyWarp``; defaults as SSRL-ECG documents them (+-5 % heart rate, 50 %)."""

    probability: float = 0.5
    heart_rate_change_fraction: float = 0.05
    """Largest change of the heart rate, as a fraction of it, in [0, 0.5]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "heart_rate_change_fraction", 0.0, 0.5)


class FrequencyWarp(Augmentation):
    """Stretch or compress a record in time about its middle, all leads alike (SSRL-ECG's frequency warping).

    With factor s, uniform in 1 +- the largest change, the output at time t is the input at ``m + s (t - m)``, m being
    the middle: the heart rate and every frequency are multiplied by s. Where a faster heart would need more recording
    than there is (at most 2.5 % of the duration at either end by default), the record is mirrored at its end.
    Amplitudes stay within 1.25 times the record's largest.
    """

    name = "frequency-warp"
    config_type = FrequencyWarpConfig
    keeps_time = False
    config: FrequencyWarpConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        change = self.config.heart_rate_change_fraction
        return {"heart_rate_factor": draw_uniform((1 - change, 1 + change), (len(rows),), generator)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        n_samples = signal_mv.shape[-1]
        from_middle = torch.arange(n_samples, device=signal_mv.device) - n_samples / 2
        position = n_samples / 2 + parameters["heart_rate_factor"].unsqueeze(1) * from_middle
        mirrored = (n_samples - 1) - ((n_samples - 1) - position.abs()).abs()
        return sample_at(signal_mv, parameters.rows, mirrored)
