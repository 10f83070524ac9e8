"""Powerline noise: the hum of the mains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.physiological_noise import PhysiologicalNoiseConfig, cosine_basis, cosine_coefficients
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads

N_HARMONICS = 4
"""The mains frequency and three multiples of it (Mehari & Strodthoff 2022)."""


@dataclass(frozen=True, kw_only=True)
class PowerlineNoiseConfig(PhysiologicalNoiseConfig):
    """Strength and rate of ``PowerlineNoise``; default: level 2, at which Mehari & Strodthoff (2022) pretrain."""

    levels_mv: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.2, 0.4, 0.4, 0.5)
    amplitude_mv: tuple[float, float] = (0.0, 0.2)
    mains_hz: float = 50.0
    """Frequency of the mains in Hz, within [45, 65]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "mains_hz", 45.0, 65.0)


class PowerlineNoise(Augmentation):
    """Add the mains frequency and three harmonics, coherent in all leads (Mehari & Strodthoff 2022, powerline noise).

    With the record's amplitude C each electrode follows ``C / 2 g sum_k a_k cos(2 pi k f t + phase_k)``. The hum is the
    same everywhere, so weights a_k in [0, 1] and phases are the record's; the electrode's own is its coupling g in
    [-1, 1] (all uniform, our reading). No harmonic changes a lead by more than C.

    What lies above the Nyquist frequency is left out, never folded back. At 100 Hz only 50 Hz is left: it stands
    exactly at Nyquist, alternates from sample to sample, and its size depends on the phase; of 60 Hz nothing is left.
    """

    name = "powerline-noise"
    config_type = PowerlineNoiseConfig
    config: PowerlineNoiseConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        return {
            "amplitude_mv": draw_uniform(self.config.amplitude_mv, (len(rows),), generator),
            "coupling": draw_uniform((-1.0, 1.0), (len(rows), N_ELECTRODES), generator),
            "weight": torch.rand((len(rows), N_HARMONICS), generator=generator),
            "phase_radians": draw_uniform((0.0, 2 * math.pi), (len(rows), N_HARMONICS), generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        n_kept = min(N_HARMONICS, int(sampling_rate_hz / 2 / self.config.mains_hz))
        frequency_hz = self.config.mains_hz * torch.arange(1, n_kept + 1, device=own.device)
        electrode_mv = parameters["coupling"] * parameters["amplitude_mv"].unsqueeze(1) / 2
        in_leads_mv = electrode_mv.to(own.dtype) @ LEADS_FROM_ELECTRODES.to(own).T
        weight, phase = parameters["weight"][:, :n_kept], parameters["phase_radians"][:, :n_kept]
        hum = cosine_coefficients(weight, phase).to(own.dtype) @ cosine_basis(frequency_hz, sampling_rate_hz, own)
        return own.baddbmm_(in_leads_mv.unsqueeze(2), hum.unsqueeze(1))
