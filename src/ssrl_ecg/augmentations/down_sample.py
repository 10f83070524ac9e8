"""Down-sampling: the record as a recorder with few samples per second sees it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.time_axis import sample_at


@dataclass(frozen=True, kw_only=True)
class DownSampleConfig(AugmentationConfig):
    """Strength and rate of ``DownSample``."""

    probability: float = 1.0
    rate_hz: tuple[float, float] = (20.0, 50.0)
    """Range of the lower rate in Hz, within [5, 1000]. Mehari & Strodthoff (2022) keep the share 0.2 of 100 Hz, the
    lower end; the upper one is our choice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "rate_hz", 5.0, 1000.0)


class DownSample(Augmentation):
    """Read each record at a lower rate and join the samples by straight lines (Mehari & Strodthoff 2022, down-sample).

    No filter goes before, as in a simple recorder: what is faster than half the lower rate folds back. Samples stand at
    multiples of the lower rate's period from the record's start, the same moments at any sampling rate. Amplitudes stay
    within 1.25 times the record's largest.
    """

    name = "down-sample"
    config_type = DownSampleConfig
    config: DownSampleConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {"rate_hz": draw_uniform(self.config.rate_hz, (len(rows),), generator)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        step_samples = (sampling_rate_hz / parameters["rate_hz"]).unsqueeze(1)
        order = torch.arange(signal_mv.shape[-1], device=signal_mv.device) / step_samples
        before = order.floor()
        left = sample_at(signal_mv, parameters.rows, before * step_samples)
        right = sample_at(signal_mv, parameters.rows, (before + 1) * step_samples)
        return left.lerp_(right, (order - before).to(left.dtype).unsqueeze(1))
