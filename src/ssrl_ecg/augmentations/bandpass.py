"""Band-pass: the same heart through another recorder's filter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.signals.filters import fft_filter


@dataclass(frozen=True, kw_only=True)
class BandpassConfig(AugmentationConfig):
    """Strength and rate of ``Bandpass``; defaults as SSRL-ECG documents them (0.5-1.5 Hz, 40-60 Hz, 30 %)."""

    probability: float = 0.3
    low_hz: tuple[float, float] = (0.5, 1.5)
    """Range of the high-pass cut-off in Hz, within [0.01, 10]."""
    high_hz: tuple[float, float] = (40.0, 60.0)
    """Range of the low-pass cut-off in Hz, within [15, 1000]; at or above Nyquist it is no low-pass."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "low_hz", 0.01, 10.0)
        require_within(self, "high_hz", 15.0, 1000.0)


class Bandpass(Augmentation):
    """Filter each chosen record with its own pass band, zero phase (SSRL-ECG's band-pass variation).

    The gain is that of ``signals.filters.fft_filter`` (order 2, one half at the cut-offs), the filter that
    preprocessing uses. At 100 Hz the Nyquist frequency is 50 Hz: half of the default draws then have no low-pass.
    Amplitudes are not strictly bounded (a filter can ring); on ECGs they stay within twice the record's largest.
    """

    name = "bandpass"
    config_type = BandpassConfig
    config: BandpassConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {
            "low_hz": draw_uniform(self.config.low_hz, (len(rows),), generator),
            "high_hz": draw_uniform(self.config.high_hz, (len(rows),), generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        return fft_filter(own, sampling_rate_hz, low_hz=parameters["low_hz"], high_hz=parameters["high_hz"])
