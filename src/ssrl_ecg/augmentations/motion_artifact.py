"""Motion artefact: slow wander of the electrodes, as a moving patient makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads


@dataclass(frozen=True, kw_only=True)
class MotionArtifactConfig(AugmentationConfig):
    """Strength and rate of ``MotionArtifact``; defaults as SSRL-ECG documents them (0.5-2 Hz, 0.01-0.05 mV, 20 %)."""

    probability: float = 0.2
    frequency_hz: tuple[float, float] = (0.5, 2.0)
    """Range of the wander's frequency in Hz, within [0.01, 10]."""
    amplitude_mv: tuple[float, float] = (0.01, 0.05)
    """Range of the largest change of any lead in mV, within [0, 5]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "frequency_hz", 0.01, 10.0)
        require_within(self, "amplitude_mv", 0.0, 5.0)


class MotionArtifact(Augmentation):
    """Let each electrode wander sinusoidally and read the twelve leads off all nine (SSRL-ECG's motion artefact).

    Frequency and phase are drawn for each electrode, the amplitude a for each record. Electrodes swing by a/2, so
    that no lead, being a difference of electrodes (or of one and a mean of others), changes by more than a; leads
    share their electrodes, as they do in a patient.
    """

    name = "motion-artifact"
    config_type = MotionArtifactConfig
    config: MotionArtifactConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        electrodes = (len(rows), N_ELECTRODES)
        return {
            "amplitude_mv": draw_uniform(self.config.amplitude_mv, (len(rows),), generator),
            "frequency_hz": draw_uniform(self.config.frequency_hz, electrodes, generator),
            "phase_radians": draw_uniform((0.0, 2 * math.pi), electrodes, generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        time_s = torch.arange(own.shape[-1], device=own.device, dtype=own.dtype) / sampling_rate_hz
        angle = 2 * math.pi * parameters["frequency_hz"].unsqueeze(-1) * time_s + parameters["phase_radians"].unsqueeze(
            -1
        )
        electrode_mv = parameters["amplitude_mv"].view(-1, 1, 1) / 2 * torch.sin(angle)
        return own.baddbmm_(LEADS_FROM_ELECTRODES.to(own).expand(len(own), -1, -1), electrode_mv)
