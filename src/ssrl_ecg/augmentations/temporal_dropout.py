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
        start, end = parameters["start_s"], parameters["start_s"] + parameters["gap_s"].unsqueeze(1)
        lost = _between(start * sampling_rate_hz, end * sampling_rate_hz, len(index))
        left = torch.where(lost, -1, index).cummax(dim=1).values
        right = torch.where(lost, len(index), index).flip(1).cummin(dim=1).values.flip(1)
        row, sample = lost.nonzero(as_tuple=True)
        before, after = left[row, sample], right[row, sample]
        weight = ((sample - before).to(output.dtype) / (after - before)).unsqueeze(1)
        before, after = torch.where(before < 0, after, before), torch.where(after == len(index), before, after)
        output[row, :, sample] = torch.lerp(output[row, :, before], output[row, :, after], weight)
        return output


def _between(start: Tensor, end: Tensor, n_samples: int) -> Tensor:
    """Return (row, n_samples) booleans, true at whole positions inside [start, end) of any of the row's intervals."""
    opened = torch.zeros(len(start), n_samples + 1, dtype=torch.int8, device=start.device)
    for edge, step in ((start, 1), (end, -1)):
        position = edge.ceil().clamp(max=n_samples).long()
        opened.scatter_add_(1, position, torch.full_like(position, step, dtype=torch.int8))
    return opened[:, :-1].cumsum(dim=1, dtype=torch.int8) > 0
