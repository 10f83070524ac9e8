"""Baseline shift: an electrode is touched, and the trace jumps for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, Parameters, draw_uniform
from ssrl_ecg.augmentations.physiological_noise import PhysiologicalNoiseConfig
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads

MOST_PER_S, LENGTH_S = 0.3, (0.5, 5.5)
"""Most shifts per second, and range of their length in s, 3 s in the mean (Mehari & Strodthoff 2022)."""


@dataclass(frozen=True, kw_only=True)
class BaselineShiftConfig(PhysiologicalNoiseConfig):
    """Strength and rate of ``BaselineShift``; default: level 2, at which Mehari & Strodthoff (2022) pretrain."""

    levels_mv: ClassVar[tuple[float, ...]] = (0.5, 1.0, 2.0, 2.0, 2.5, 3.0)
    amplitude_mv: tuple[float, float] = (0.0, 1.0)


class BaselineShift(Augmentation):
    """Move the baseline of a few stretches of the record (Mehari & Strodthoff 2022, baseline shift).

    One shift, or several up to 0.3 per second, their number uniform. Each lasts 0.5 to 5.5 s (uniform; at most half
    the record) and lies inside the record. With the record's amplitude C each electrode moves by its own offset,
    uniform in [-C/2, C/2]: a shift changes no lead by more than C; where shifts overlap, they add up.
    """

    name = "baseline-shift"
    config_type = BaselineShiftConfig
    config: BaselineShiftConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        duration_s = signal_mv.shape[-1] / sampling_rate_hz
        most = max(1, int(MOST_PER_S * duration_s))
        n_shifts = torch.randint(1, most + 1, (len(rows), 1), generator=generator)
        length_s = draw_uniform(LENGTH_S, (len(rows), most), generator).clamp(max=duration_s / 2)
        start_s = torch.rand((len(rows), most), generator=generator) * (duration_s - length_s)
        return {
            "amplitude_mv": draw_uniform(self.config.amplitude_mv, (len(rows),), generator),
            "start_s": start_s.masked_fill(torch.arange(most) >= n_shifts, torch.inf),
            "length_s": length_s,
            "offset": draw_uniform((-0.5, 0.5), (len(rows), N_ELECTRODES, most), generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        time_s = torch.arange(own.shape[-1], device=own.device) / sampling_rate_hz
        start_s, length_s = parameters["start_s"].unsqueeze(-1), parameters["length_s"].unsqueeze(-1)
        shifted = (time_s >= start_s) & (time_s < start_s + length_s)
        electrode_mv = parameters["offset"] * parameters["amplitude_mv"].view(-1, 1, 1)
        return own.baddbmm_(LEADS_FROM_ELECTRODES.to(own) @ electrode_mv.to(own.dtype), shifted.to(own.dtype))
