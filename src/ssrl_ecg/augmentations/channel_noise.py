"""Per-channel noise: white noise in proportion to each lead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, TWELVE_FROM_EIGHT, require_twelve_leads


@dataclass(frozen=True, kw_only=True)
class ChannelNoiseConfig(AugmentationConfig):
    """Strength and rate of ``ChannelNoise``; defaults as SSRL-ECG documents them (0.5-2 % of the lead's SD, 60 %).

    KU's Gaussian noise is 5 % of the lead's SD, always. That of Mehari & Strodthoff (2022) is 0.005 mV in every lead:
    1.5 to 3.6 % of the SDs that paper's code states for PTB-XL's leads (0.14-0.34 mV).
    """

    probability: float = 0.6
    sd_fraction: tuple[float, float] = (0.005, 0.02)
    """Range of the noise's SD as a fraction of the lead's SD over the record, within [0, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "sd_fraction", 0.0, 1.0)


class ChannelNoise(Augmentation):
    """Add Gaussian noise whose SD is a drawn fraction of each lead's SD (SSRL-ECG's per-channel noise).

    Fraction and noise are drawn for I, II and V1-V6, the leads a recorder measures; III, aVR, aVL and aVF receive
    what I and II receive, as they do in a recorder, so that Einthoven's law survives. The noise is white up to the
    Nyquist frequency, with the same SD at any rate. A flat lead stays flat. Changes stay within 6 of the noise's SDs
    in any lead that is measured (float32 draws reach no further).
    """

    name = "channel-noise"
    config_type = ChannelNoiseConfig
    config: ChannelNoiseConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        eight = (len(rows), len(INDEPENDENT))
        return {
            "sd_fraction": draw_uniform(self.config.sd_fraction, eight, generator),
            "noise": torch.randn((*eight, signal_mv.shape[-1]), generator=generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        # Norm of the centred signal: std() along a contiguous axis costs ten times as much on a CPU.
        centred = own - own.mean(dim=-1, keepdim=True)
        sd_mv = torch.linalg.vector_norm(centred, dim=-1)[:, INDEPENDENT] / own.shape[-1] ** 0.5
        scale_mv = parameters["sd_fraction"].to(own.dtype) * sd_mv
        return own.baddbmm_(TWELVE_FROM_EIGHT.to(own) * scale_mv.unsqueeze(1), parameters["noise"].to(own.dtype))
