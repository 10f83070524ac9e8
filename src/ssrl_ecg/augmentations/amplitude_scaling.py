"""Amplitude scaling: the same heart behind more or less tissue."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within


@dataclass(frozen=True, kw_only=True)
class AmplitudeScalingConfig(AugmentationConfig):
    """Strength and rate of ``AmplitudeScaling``."""

    probability: float = 1.0
    factor: tuple[float, float] = (0.8, 1.25)
    """Range of the factor, within [0.1, 10]; our choice, mild and symmetric, because voltage carries hypertrophy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "factor", 0.1, 10.0)


class AmplitudeScaling(Augmentation):
    """Multiply all leads of a record by one factor, drawn uniformly on a logarithmic scale.

    Amplitudes stay within the largest factor times the record's largest.
    """

    name = "amplitude-scaling"
    config_type = AmplitudeScalingConfig
    config: AmplitudeScalingConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        low, high = self.config.factor
        return {"factor": draw_uniform((math.log(low), math.log(high)), (len(rows),), generator).exp()}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        return own.mul_(parameters["factor"].to(own.dtype).view(-1, 1, 1))
