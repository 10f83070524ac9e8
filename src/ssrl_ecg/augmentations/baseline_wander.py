"""Baseline wander: breathing, sweat and slow movement of the electrodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, Parameters, draw_uniform
from ssrl_ecg.augmentations.physiological_noise import PhysiologicalNoiseConfig, cosine_basis, cosine_coefficients
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads

N_COSINES, STEP_HZ = 50, 0.01


@dataclass(frozen=True, kw_only=True)
class BaselineWanderConfig(PhysiologicalNoiseConfig):
    """Strength and rate of ``BaselineWander``; default: level 2, at which Mehari & Strodthoff (2022) pretrain."""

    levels_mv: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.1, 0.2, 0.2, 0.3)
    amplitude_mv: tuple[float, float] = (0.0, 0.1)


class BaselineWander(Augmentation):
    """Add slow wander, a sum of fifty cosines between 0.01 and 0.5 Hz (Mehari & Strodthoff 2022, baseline wander).

    With the record's amplitude C each electrode follows ``C / sqrt(2) sum_k a_k cos(2 pi k 0.01 Hz t + phase_k)``;
    phases, and weights a_k in [0, 1], are uniform (our reading) and the electrode's own. A limb lead then wanders with
    an SD of 2.9 C (the root of 50 / 6), and by 71 C at the very most.
    """

    name = "baseline-wander"
    config_type = BaselineWanderConfig
    config: BaselineWanderConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        cosines = (len(rows), N_ELECTRODES, N_COSINES)
        return {
            "amplitude_mv": draw_uniform(self.config.amplitude_mv, (len(rows),), generator),
            "weight": torch.rand(cosines, generator=generator),
            "phase_radians": draw_uniform((0.0, 2 * math.pi), cosines, generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        frequency_hz = STEP_HZ * torch.arange(1, N_COSINES + 1, device=own.device)
        electrode_mv = parameters["weight"] * parameters["amplitude_mv"].view(-1, 1, 1) / math.sqrt(2)
        coefficients = cosine_coefficients(electrode_mv, parameters["phase_radians"]).to(own.dtype)
        in_leads = LEADS_FROM_ELECTRODES.to(own) @ coefficients
        own.flatten(0, 1).addmm_(in_leads.flatten(0, 1), cosine_basis(frequency_hz, sampling_rate_hz, own))
        return own
