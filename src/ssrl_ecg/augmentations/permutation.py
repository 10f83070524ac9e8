"""Permutation: the record cut into pieces, in another order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within


@dataclass(frozen=True, kw_only=True)
class PermutationConfig(AugmentationConfig):
    """Strength and rate of ``Permutation``; default number of pieces of KU's Contrastive-ECG."""

    probability: float = 1.0
    n_segments: int = 5
    """Number of equal pieces, within [2, 50]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "n_segments", 2, 50)


class Permutation(Augmentation):
    """Cut each record into equal pieces and join them in a random order, all leads alike (KU, permutation).

    Beats survive, up to those a cut goes through; rhythm does not, so this asks the encoder to forget it. KU permutes
    each lead on its own, which destroys what leads show together. An order that changes nothing is reversed. Where the
    samples do not divide evenly, pieces differ by one sample.
    """

    name = "permutation"
    config_type = PermutationConfig
    keeps_time = False
    config: PermutationConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        n_segments = self.config.n_segments
        place = torch.rand((len(rows), n_segments), generator=generator).argsort(dim=1)
        unchanged = (place == torch.arange(n_segments)).all(dim=1, keepdim=True)
        return {"place": torch.where(unchanged, place.flip(1), place)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        index = torch.arange(own.shape[-1], device=own.device)
        place_of_sample = parameters["place"][:, index * self.config.n_segments // len(index)]
        source = place_of_sample.argsort(dim=1, stable=True)
        return own.gather(2, source.unsqueeze(1).expand_as(own))
