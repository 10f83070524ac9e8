"""Random resized crop: a part of the record, stretched back to full length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.time_axis import draw_windows, sample_at


@dataclass(frozen=True, kw_only=True)
class RandomResizedCropConfig(AugmentationConfig):
    """Strength and rate of ``RandomResizedCrop``; defaults of Mehari & Strodthoff (2022), who apply it always."""

    probability: float = 1.0
    length_fraction: tuple[float, float] = (0.5, 1.0)
    """Range of the kept share of the duration, within [0.1, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "length_fraction", 0.1, 1.0)


class RandomResizedCrop(Augmentation):
    """Keep a window of each record and stretch it to full length, all leads alike (Mehari & Strodthoff 2022, RRC).

    With the window's start a and share r the output at time t is the input at ``a + r t``: the heart rate is
    multiplied by r, which is not physiological below about 0.8, but the strongest single transform of that paper.
    Amplitudes stay within 1.25 times the record's largest.
    """

    name = "random-resized-crop"
    config_type = RandomResizedCropConfig
    keeps_time = False
    config: RandomResizedCropConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        start, length = draw_windows(self.config.length_fraction, len(rows), generator)
        return {"start_fraction": start, "length_fraction": length}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        n_samples = signal_mv.shape[-1]
        index = torch.arange(n_samples, device=signal_mv.device)
        position = (
            parameters["start_fraction"].unsqueeze(1) * n_samples + parameters["length_fraction"].unsqueeze(1) * index
        )
        return sample_at(signal_mv, parameters.rows, position)
