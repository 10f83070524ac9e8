"""Dynamic time warp: time stumbles at a few places."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.time_axis import sample_at, warped_position


@dataclass(frozen=True, kw_only=True)
class DynamicTimeWarpConfig(AugmentationConfig):
    """Strength and rate of ``DynamicTimeWarp``; defaults of Mehari & Strodthoff (2022), radius 10 samples at 100 Hz."""

    probability: float = 1.0
    n_warps: int = 3
    """Number of places that are squeezed, and of as many that are stretched, within [1, 20]."""
    radius_s: float = 0.1
    """Half the length of a place in s, within [0.01, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "n_warps", 1, 20)
        require_within(self, "radius_s", 0.01, 1.0)


class DynamicTimeWarp(Augmentation):
    """Squeeze a few short places to half their length and stretch as many others by half, all leads alike.

    (Mehari & Strodthoff 2022, dynamic time warp: squeezes that drop every second sample, and a refill elsewhere; how it
    is refilled is our reading.) The record keeps its length, and outside the places its pace. Places do not overlap;
    every arrangement is equally likely. Where a record is too short for them, they are shorter. A squeezed place is
    read without a filter: above half the Nyquist frequency it folds back. Amplitudes stay within 1.25 times the
    record's largest.
    """

    name = "dynamic-time-warp"
    config_type = DynamicTimeWarpConfig
    keeps_time = False
    config: DynamicTimeWarpConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        n_places = 2 * self.config.n_warps
        length = min(2 * self.config.radius_s * sampling_rate_hz / signal_mv.shape[-1], 1 / (n_places + 1))
        # Sorted points in the time outside the places, each pushed to the right by the places before it.
        outside = (torch.rand((len(rows), n_places), generator=generator) * (1 - n_places * length)).sort(dim=1).values
        place = torch.rand((len(rows), n_places), generator=generator).argsort(dim=1)
        return {
            "start_fraction": outside + torch.arange(n_places) * length,
            "length_fraction": torch.full((len(rows), 1), length),
            "length_factor": torch.where(place < self.config.n_warps, 0.5, 1.5),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        start, length, factor = (parameters[name] for name in ("start_fraction", "length_fraction", "length_factor"))
        inner = torch.stack([start, start + length], dim=2).flatten(1)
        gained = ((factor - 1) * length).cumsum(dim=1)
        gained_before = torch.cat([torch.zeros_like(gained[:, :1]), gained[:, :-1]], dim=1)
        moved = inner + torch.stack([gained_before, gained], dim=2).flatten(1)
        ends = torch.zeros_like(inner[:, :1]), torch.ones_like(inner[:, :1])
        input_edges, output_edges = (torch.cat([ends[0], edges, ends[1]], dim=1) for edges in (inner, moved))
        return sample_at(signal_mv, parameters.rows, warped_position(output_edges, input_edges, signal_mv.shape[-1]))
