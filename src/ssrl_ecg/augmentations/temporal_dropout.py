"""Temporal dropout: short gaps of lost data, bridged by straight lines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within


@dataclass(frozen=True, kw_only=True)
class TemporalDropoutConfig(AugmentationConfig):
    """Strength and rate of ``TemporalDropout``; SSRL-ECG documents 5-20 % of the time, interpolated, at 30 %."""

    probability: float = 0.3
    lost_fraction: tuple[float, float] = (0.05, 0.2)
    """Range of the share of the duration that is lost, within [0, 0.5]."""
    gap_s: float = 0.2
    """Intended length of one gap in seconds, within [0.02, 5]; our choice: hides a QRS, but no whole beat."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "lost_fraction", 0.0, 0.5)
        require_within(self, "gap_s", 0.02, 5.0)


class TemporalDropout(Augmentation):
    """Lose several equal gaps, in all leads at once, and bridge them linearly (SSRL-ECG's temporal dropout).

    The drawn share of the duration is split into as many equal gaps as bring their length nearest to ``gap_s`` (at
    least one). Gaps do not overlap; every arrangement is equally likely. A gap at an end is filled with the nearest
    value that was kept. Amplitudes stay within those of the record.
    """

    name = "temporal-dropout"
    config_type = TemporalDropoutConfig
    config: TemporalDropoutConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        duration_s = signal_mv.shape[-1] / sampling_rate_hz
        most = max(1, round(self.config.lost_fraction[1] * duration_s / self.config.gap_s))
        lost_s = draw_uniform(self.config.lost_fraction, (len(rows), 1), generator) * duration_s
        n_gaps = (lost_s / self.config.gap_s).round().clamp(1, most)
        gap_s, order = lost_s / n_gaps, torch.arange(most)
        # Sorted points in the time that is kept, each pushed to the right by the gaps before it.
        kept_before_s = torch.rand((len(rows), most), generator=generator) * (duration_s - lost_s)
        kept_before_s = kept_before_s.masked_fill(order >= n_gaps, torch.inf).sort(dim=1).values
        return {"start_s": kept_before_s + order * gap_s, "gap_s": gap_s.squeeze(1)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        output = signal_mv.index_select(0, parameters.rows)
        index = torch.arange(output.shape[-1], device=output.device)
        lost = _in_gaps(index / sampling_rate_hz, parameters["start_s"], parameters["gap_s"])
        left = torch.where(lost, -1, index).cummax(dim=1).values
        right = torch.where(lost, len(index), index).flip(1).cummin(dim=1).values.flip(1)
        row, sample = lost.nonzero(as_tuple=True)
        before, after = left[row, sample], right[row, sample]
        weight = ((sample - before) / (after - before)).to(output.dtype).unsqueeze(1)
        before, after = torch.where(before < 0, after, before), torch.where(after == len(index), before, after)
        output[row, :, sample] = torch.lerp(output[row, :, before], output[row, :, after], weight)
        return output


def _in_gaps(time_s: Tensor, start_s: Tensor, gap_s: Tensor) -> Tensor:
    """Return (row, time) booleans, true inside [start, start + gap) of any of the row's ascending gaps."""
    at = time_s.expand(len(start_s), -1).contiguous()
    latest = torch.searchsorted(start_s, at, right=True) - 1
    return (latest >= 0) & (at < start_s.gather(1, latest.clamp(min=0)) + gap_s.unsqueeze(1))
