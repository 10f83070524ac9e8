"""What the noises of a recording have in common: an amplitude at one of six published levels, and sums of cosines.

Four noises make up a level (Mehari & Strodthoff 2022): ``BaselineWander``, ``PowerlineNoise``, ``EMNoise`` and
``BaselineShift``. All arise at the nine electrodes and reach the leads as differences, as they do in a patient, so that
Einthoven's law survives. The paper adds them to each lead on its own; electrodes are scaled such that a limb lead
receives the size it has there, and a chest lead at most that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import AugmentationConfig, require_within
from ssrl_ecg.errors import InputError

LEVELS = (1, 2, 3, 4, 5, 6)
"""The levels of Mehari & Strodthoff's test of robustness; they pretrain at level 2."""


@dataclass(frozen=True, kw_only=True)
class PhysiologicalNoiseConfig(AugmentationConfig):
    """Strength and rate of one of the four noises."""

    levels_mv: ClassVar[tuple[float, ...]]
    """Largest amplitude in mV at each of ``LEVELS``."""
    probability: float = 1.0
    amplitude_mv: tuple[float, float]
    """Range of the amplitude in mV, within [0, 10]; a level's is from 0 to its largest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "amplitude_mv", 0.0, 10.0)

    @classmethod
    def at_level(cls, level: int, *, probability: float = 1.0) -> Self:
        """Return the configuration of a published level.

        Args:
            level: 1 (faint) to 6 (the trace can hardly be read).
            probability: chance that a record is transformed.

        Raises:
            InputError: there is no such level.
        """
        if level not in LEVELS:
            raise InputError("no such level of noise", field="level", expected="1 to 6", found=level)
        return cls(probability=probability, amplitude_mv=(0.0, cls.levels_mv[level - 1]))


def cosine_basis(frequency_hz: Tensor, sampling_rate_hz: float, signal: Tensor) -> Tensor:
    """Return (2 frequency, time): cosine and negative sine of each frequency at the samples of ``signal``.

    ``cosine_coefficients(a, phase) @ cosine_basis(f, ...)`` is the sum of ``a cos(2 pi f t + phase)``: one product of
    matrices, without a cosine for each record and sample.
    """
    time_s = torch.arange(signal.shape[-1], device=signal.device, dtype=torch.float64) / sampling_rate_hz
    angle = 2 * math.pi * frequency_hz.to(time_s).unsqueeze(1) * time_s
    return torch.cat([angle.cos(), -angle.sin()]).to(signal.dtype)


def cosine_coefficients(amplitude: Tensor, phase_radians: Tensor) -> Tensor:
    """Return (..., 2 frequency) weights of ``cosine_basis`` for amplitudes and phases of shape (..., frequency)."""
    return torch.cat([amplitude * phase_radians.cos(), amplitude * phase_radians.sin()], dim=-1)
