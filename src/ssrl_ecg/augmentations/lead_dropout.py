"""Lead dropout: electrodes that have come off."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within


@dataclass(frozen=True, kw_only=True)
class LeadDropoutConfig(AugmentationConfig):
    """Strength and rate of ``LeadDropout``."""

    probability: float = 1.0
    lead_fraction: float = 0.3
    """Chance that a lead is silenced, in [0, 0.9]; our choice (Oh et al. 2022, as random lead masking: 0.5)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "lead_fraction", 0.0, 0.9)


class LeadDropout(Augmentation):
    """Set leads of each record to 0 mV, each on its own chance, at least one and never all (Oh et al., CHIL 2022).

    Two views then rarely share all their leads, so that a record is not told by the pattern of its voltages alone.
    """

    name = "lead-dropout"
    config_type = LeadDropoutConfig
    keeps_einthoven = False
    config: LeadDropoutConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        chance = torch.rand((len(rows), signal_mv.shape[1]), generator=generator)
        lowest, highest = chance == chance.amin(dim=1, keepdim=True), chance == chance.amax(dim=1, keepdim=True)
        return {"silent": ((chance < self.config.lead_fraction) | lowest) & ~highest}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        return signal_mv.index_select(0, parameters.rows).masked_fill_(parameters["silent"].unsqueeze(-1), 0.0)
