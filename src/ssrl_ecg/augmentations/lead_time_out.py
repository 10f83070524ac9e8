"""Lead time-out: every lead falls silent for a stretch of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within


@dataclass(frozen=True, kw_only=True)
class LeadTimeOutConfig(AugmentationConfig):
    """Strength and rate of ``LeadTimeOut``; defaults of 3KG (Gopal et al. 2021), which masks half of each lead."""

    probability: float = 1.0
    length_fraction: float = 0.5
    """Silenced share of each lead's duration, within [0.01, 0.9]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "length_fraction", 0.01, 0.9)


class LeadTimeOut(Augmentation):
    """Set one window of each lead to 0 mV, each lead its own (3KG's time mask, Gopal et al. 2021).

    A window starts anywhere, and one that reaches beyond the end goes on at the start, so that every moment is as
    likely to be lost as any other. At each moment some leads are left, which is what tells it from ``TimeOut``.
    """

    name = "lead-time-out"
    config_type = LeadTimeOutConfig
    keeps_einthoven = False
    config: LeadTimeOutConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {"start_fraction": torch.rand((len(rows), signal_mv.shape[1]), generator=generator)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        n_samples = signal_mv.shape[-1]
        time_fraction = torch.arange(n_samples, device=signal_mv.device) / n_samples
        since_start = (time_fraction - parameters["start_fraction"].unsqueeze(-1)).remainder_(1)
        return signal_mv.index_select(0, parameters.rows).masked_fill_(since_start < self.config.length_fraction, 0.0)
