"""Medical mixup: a faint second record over one that stays dominant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, require_within
from ssrl_ecg.augmentations.partners import draw_partners


@dataclass(frozen=True, kw_only=True)
class MedicalMixupConfig(AugmentationConfig):
    """Strength and rate of ``MedicalMixup``; SSRL-ECG documents the rate (40 %) and a Beta distribution, no shape."""

    probability: float = 0.4
    beta_shape: float = 1.0
    """Both shape parameters of lambda's Beta distribution, in [0.01, 100]; our choice: 1, a uniform weight."""
    smallest_own_weight: float = 0.6
    """Floor of the record's own weight, in [0.51, 1]; our choice, so that the record stays dominant."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "beta_shape", 0.01, 100.0)
        require_within(self, "smallest_own_weight", 0.51, 1.0)


class MedicalMixup(Augmentation):
    """Blend each chosen record with another one of the batch (mixup, Zhang et al. 2018; SSRL-ECG's medical mixup).

    ``output = w own + (1 - w) partner`` with ``w = floor + (1 - floor) |2 lambda - 1|`` and lambda ~ Beta(shape,
    shape): with a floor of one half this would be mixup's larger weight, ``max(lambda, 1 - lambda)``. The floor above
    one half, and a partner drawn anew for each view, keep the record itself the positive (see ``partners``).
    Amplitudes stay within those of the batch.
    """

    name = "mixup"
    config_type = MedicalMixupConfig
    mixes_records = True
    config: MedicalMixupConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        shape, floor = self.config.beta_shape, self.config.smallest_own_weight
        # torch's Beta takes no generator: NumPy draws it, seeded from ours.
        seed = int(torch.randint(2**62, (1,), generator=generator))
        mixing = torch.from_numpy(np.random.default_rng(seed).beta(shape, shape, len(rows)))
        own_weight = floor + (1 - floor) * (2 * mixing - 1).abs()
        return {"own_weight": own_weight.float(), "partner": draw_partners(rows, len(signal_mv), generator)}

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        partner = signal_mv.index_select(0, parameters["partner"])
        return torch.lerp(partner, own, parameters["own_weight"].to(own.dtype).view(-1, 1, 1))
