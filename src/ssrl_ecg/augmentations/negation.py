"""Negation: the trace upside down."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters


@dataclass(frozen=True, kw_only=True)
class NegationConfig(AugmentationConfig):
    """Rate of ``Negation``."""

    probability: float = 0.5
    """Our choice: either sign is as frequent as the other."""


class Negation(Augmentation):
    """Change the sign of all leads of a record (Mehari & Strodthoff 2022, negation).

    No heart does this, and no electrodes exchanged do it to the chest leads: made for pretraining, not for labels.
    """

    name = "negation"
    config_type = NegationConfig
    config: NegationConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        return signal_mv.index_select(0, parameters.rows).neg_()
