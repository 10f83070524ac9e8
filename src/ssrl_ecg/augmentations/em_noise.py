"""EM noise: the muscles between the electrodes (electromyographic noise)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, Parameters, draw_uniform
from ssrl_ecg.augmentations.physiological_noise import PhysiologicalNoiseConfig
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads


@dataclass(frozen=True, kw_only=True)
class EMNoiseConfig(PhysiologicalNoiseConfig):
    """Strength and rate of ``EMNoise``; default: level 2, at which Mehari & Strodthoff (2022) pretrain."""

    levels_mv: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0, 1.0, 1.5, 2.0)
    amplitude_mv: tuple[float, float] = (0.0, 0.5)


class EMNoise(Augmentation):
    """Add white noise to every electrode (Mehari & Strodthoff 2022, EM noise).

    With the record's amplitude C an electrode's noise has the SD ``C / sqrt(2)``: C in I, II and III, 0.87 C in aVR,
    aVL and aVF, 0.82 C in the chest leads. It is white up to the Nyquist frequency, with the same SD at any rate, and
    changes a lead by at most 8.5 C (float32 draws reach no further).
    """

    name = "em-noise"
    config_type = EMNoiseConfig
    config: EMNoiseConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        return {
            "amplitude_mv": draw_uniform(self.config.amplitude_mv, (len(rows),), generator),
            "noise": torch.randn((len(rows), N_ELECTRODES, signal_mv.shape[-1]), generator=generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        scale_mv = parameters["amplitude_mv"].to(own.dtype).view(-1, 1, 1) / math.sqrt(2)
        return own.baddbmm_(LEADS_FROM_ELECTRODES.to(own) * scale_mv, parameters["noise"].to(own.dtype))
