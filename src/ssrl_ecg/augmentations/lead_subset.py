"""Lead subset: the record as a device with fewer leads shows it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within


@dataclass(frozen=True, kw_only=True)
class LeadSubsetConfig(AugmentationConfig):
    """Strength and rate of ``LeadSubset``."""

    probability: float = 1.0
    kept_leads: tuple[int, int] = (1, 6)
    """Range of the number of leads that are kept, within [1, 12], both ends included; our choice, from a watch to
    the six limb leads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "kept_leads", 1, 12)


class LeadSubset(Augmentation):
    """Keep a few leads of each record and set the others to 0 mV.

    The number is uniform in the range, and below the number of leads there are; then every set of that size is equally
    likely. ``LeadDropout`` silences each lead on its own chance instead, and so leaves most leads most of the time.
    """

    name = "lead-subset"
    config_type = LeadSubsetConfig
    keeps_einthoven = False
    config: LeadSubsetConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        n_leads, (low, high) = signal_mv.shape[1], self.config.kept_leads
        n_kept = torch.randint(low, high + 1, (len(rows), 1), generator=generator).clamp(max=n_leads - 1)
        place = torch.rand((len(rows), n_leads), generator=generator).argsort(dim=1)
        return {"silent": place >= n_kept}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        return signal_mv.index_select(0, parameters.rows).masked_fill_(parameters["silent"].unsqueeze(-1), 0.0)
