"""Channel resize: each measured lead through an amplifier of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, TWELVE_FROM_EIGHT, require_twelve_leads


@dataclass(frozen=True, kw_only=True)
class ChannelResizeConfig(AugmentationConfig):
    """Strength and rate of ``ChannelResize``; defaults of Mehari & Strodthoff (2022)."""

    probability: float = 1.0
    factor: tuple[float, float] = (0.5, 2.0)
    """Range of a lead's factor, within [0.1, 10]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "factor", 0.1, 10.0)


class ChannelResize(Augmentation):
    """Multiply each lead by its own factor, uniform on a logarithmic scale (Mehari & Strodthoff 2022, channel resize).

    Unlike there, factors are drawn for I, II and V1-V6, the leads a recorder measures; III, aVR, aVL and aVF change
    with I and II, so that Einthoven's law survives. It moves the electrical axis, and voltages that diagnoses rest on:
    made for pretraining. A lead grows to at most the sum of two factors times the record's largest.
    """

    name = "channel-resize"
    config_type = ChannelResizeConfig
    config: ChannelResizeConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        low, high = self.config.factor
        return {"factor": draw_uniform((math.log(low), math.log(high)), (len(rows), len(INDEPENDENT)), generator).exp()}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        gain = TWELVE_FROM_EIGHT.to(own) * (parameters["factor"].to(own.dtype) - 1).unsqueeze(1)
        return own.baddbmm_(gain, own[:, INDEPENDENT])
