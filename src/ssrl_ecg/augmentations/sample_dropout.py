"""Sample dropout: single samples are lost."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within


@dataclass(frozen=True, kw_only=True)
class SampleDropoutConfig(AugmentationConfig):
    """Strength and rate of ``SampleDropout``; KU's Contrastive-ECG zeroes a tenth of the samples."""

    probability: float = 1.0
    lost_fraction: float = 0.1
    """Chance that a moment is lost, within [0, 0.9]."""
    moment_s: float = 0.01
    """Length of a moment in s, within [0.001, 1]: one sample at 100 Hz, five at 500 Hz. KU's are single samples of 2
    ms; the same at every rate is our choice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "lost_fraction", 0.0, 0.9)
        require_within(self, "moment_s", 0.001, 1.0)


class SampleDropout(Augmentation):
    """Set moments of each record to 0 mV in all leads, each on its own chance (KU, dropout masking).

    KU draws for each lead on its own; all leads at once keeps Einthoven's law, and what is lost cannot be read off
    another lead.
    """

    name = "sample-dropout"
    config_type = SampleDropoutConfig
    config: SampleDropoutConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        n_moments = int(signal_mv.shape[-1] / sampling_rate_hz / self.config.moment_s) + 2
        return {"lost": torch.rand((len(rows), n_moments), generator=generator) < self.config.lost_fraction}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        # Half a sample on, so that a moment that begins at a sample does so whatever the rounding.
        index = torch.arange(signal_mv.shape[-1], device=signal_mv.device, dtype=torch.float64) + 0.5
        moment = (index / (sampling_rate_hz * self.config.moment_s)).long()
        return signal_mv.index_select(0, parameters.rows).masked_fill_(parameters["lost"][:, moment].unsqueeze(1), 0.0)
