"""Segment CutMix: a stretch of the record replaced by the same stretch of another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.partners import draw_partners
from ssrl_ecg.augmentations.time_axis import draw_windows, window_mask


@dataclass(frozen=True, kw_only=True)
class SegmentCutMixConfig(AugmentationConfig):
    """Strength and rate of ``SegmentCutMix``; defaults as SSRL-ECG documents them (10-30 % of the time, 25 %)."""

    probability: float = 0.25
    length_fraction: tuple[float, float] = (0.1, 0.3)
    """Range of the replaced share of the duration, within [0, 0.49]: the record keeps most of its time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "length_fraction", 0.0, 0.49)


class SegmentCutMix(Augmentation):
    """Paste the same stretch of another record, all leads (CutMix, Yun et al. 2019; SSRL-ECG's segment CutMix).

    The record keeps at least 70 % of its time by default, and its partner is drawn anew for each view, so that the
    record itself stays the positive (see ``partners``). Amplitudes stay within those of the batch.
    """

    name = "cutmix"
    config_type = SegmentCutMixConfig
    mixes_records = True
    config: SegmentCutMixConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        start, length = draw_windows(self.config.length_fraction, len(rows), generator)
        partner = draw_partners(rows, len(signal_mv), generator)
        return {"start_fraction": start, "length_fraction": length, "partner": partner}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        pasted = window_mask(parameters["start_fraction"], parameters["length_fraction"], signal_mv.shape[-1])
        own = signal_mv.index_select(0, parameters.rows)
        partner = signal_mv.index_select(0, parameters["partner"])
        return torch.where(pasted.unsqueeze(1), partner, own)
