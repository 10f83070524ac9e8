"""Time warp: the heart hurries and tarries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.time_axis import sample_at, warped_position
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class TimeWarpConfig(AugmentationConfig):
    """Strength and rate of ``TimeWarp``; defaults of KU's Contrastive-ECG: four segments, 20 %.

    Mehari & Strodthoff (2022) let time wander as a monotone random walk. That is the limit of many short segments;
    twenty of them in 2.5 s are that paper's setting here.
    """

    probability: float = 1.0
    n_segments: int = 4
    """Number of equal segments, even, within [2, 100]."""
    change_fraction: float = 0.2
    """By how much a segment's length changes, as a fraction of it, within [0, 0.9]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "n_segments", 2, 100)
        require_within(self, "change_fraction", 0.0, 0.9)
        if self.n_segments % 2:
            raise InputError(
                "half the segments are stretched", field="n_segments", expected="even", found=self.n_segments
            )


class TimeWarp(Augmentation):
    """Stretch a random half of a record's segments and squeeze the others, all leads alike (KU, time warping).

    Segments are multiplied by 1 + w and 1 - w, so that the record keeps its length. KU warps each lead on its own,
    which tears a beat's leads apart. A squeezed segment is read without a filter: above ``(1 - w)`` times Nyquist
    (40 Hz at 100 Hz by default) it folds back. Amplitudes stay within 1.25 times the record's largest.
    """

    name = "time-warp"
    config_type = TimeWarpConfig
    keeps_time = False
    config: TimeWarpConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        n_segments, change = self.config.n_segments, self.config.change_fraction
        place = torch.rand((len(rows), n_segments), generator=generator).argsort(dim=1)
        return {"length_factor": torch.where(place < n_segments // 2, 1 + change, 1 - change)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        length = parameters["length_factor"] / self.config.n_segments
        output_edges = torch.cat([torch.zeros_like(length[:, :1]), length.cumsum(dim=1)], dim=1)
        even = torch.linspace(0, 1, self.config.n_segments + 1, device=length.device)
        position = warped_position(output_edges, even.expand_as(output_edges), signal_mv.shape[-1])
        return sample_at(signal_mv, parameters.rows, position)
