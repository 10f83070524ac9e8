"""Time-out: a stretch of silence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.time_axis import draw_windows, window_mask


@dataclass(frozen=True, kw_only=True)
class TimeOutConfig(AugmentationConfig):
    """Strength and rate of ``TimeOut``; defaults of Mehari & Strodthoff (2022), who apply it always.

    KU's zero masking is a window of 10 %, always, there for each lead on its own.
    """

    probability: float = 1.0
    length_fraction: tuple[float, float] = (0.2, 0.4)
    """Range of the silenced share of the duration, within [0, 0.9]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "length_fraction", 0.0, 0.9)


class TimeOut(Augmentation):
    """Set one window of each record to 0 mV in all leads (Mehari & Strodthoff 2022, TO)."""

    name = "time-out"
    config_type = TimeOutConfig
    config: TimeOutConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        start, length = draw_windows(self.config.length_fraction, len(rows), generator)
        return {"start_fraction": start, "length_fraction": length}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        silent = window_mask(parameters["start_fraction"], parameters["length_fraction"], signal_mv.shape[-1])
        return signal_mv.index_select(0, parameters.rows).masked_fill_(silent.unsqueeze(1), 0.0)
