"""Gaussian blur: the record through a slower recorder."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within


@dataclass(frozen=True, kw_only=True)
class GaussianBlurConfig(AugmentationConfig):
    """Strength and rate of ``GaussianBlur``."""

    probability: float = 1.0
    sd_s: tuple[float, float] = (0.006, 0.016)
    """Range of the Gaussian's SD in s, within [0, 0.1]; our choice, about the 11 ms of Mehari & Strodthoff (2022),
    who weigh five samples at 100 Hz with 0.1, 0.2, 0.4, 0.2 and 0.1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "sd_s", 0.0, 0.1)


class GaussianBlur(Augmentation):
    """Convolve all leads of a record with one Gaussian (Mehari & Strodthoff 2022, Gaussian blur).

    In the spectrum the gain is ``exp(-2 (pi f sd)^2)``: one half at 17 Hz for 11 ms, at any sampling rate. Ends are
    continued by their last value. Amplitudes stay within 1.2 times the record's largest (a Gaussian whose SD is below
    a sample is band-limited here, and can ring).
    """

    name = "gaussian-blur"
    config_type = GaussianBlurConfig
    config: GaussianBlurConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {"sd_s": draw_uniform(self.config.sd_s, (len(rows),), generator)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        n_samples, pad = own.shape[-1], math.ceil(4 * self.config.sd_s[1] * sampling_rate_hz)
        n_padded = next_fast_len(n_samples + 2 * pad, real=True)
        padded = F.pad(own, (pad, n_padded - n_samples - pad), mode="replicate")
        frequency_hz = torch.fft.rfftfreq(n_padded, 1 / sampling_rate_hz, dtype=own.dtype, device=own.device)
        gain = torch.exp(-2 * (math.pi * frequency_hz * parameters["sd_s"].to(own.dtype).view(-1, 1, 1)) ** 2)
        blurred: Tensor = torch.fft.irfft(torch.fft.rfft(padded).mul_(gain), n=n_padded)
        return blurred.narrow(-1, pad, n_samples)
