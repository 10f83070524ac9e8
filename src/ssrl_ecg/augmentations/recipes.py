"""Chains of augmentations that turn a batch into a view, and the ones that have a name.

A view is made by calling a recipe once; calling it twice with one generator gives two independent views. Mixing
recipes keep the record itself the positive (``partners``): after ``full`` at its documented strengths, its own weight
is at least 0.6 during at least 70 % of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling, AmplitudeScalingConfig
from ssrl_ecg.augmentations.bandpass import Bandpass, BandpassConfig
from ssrl_ecg.augmentations.base import Augmentation, Parameters
from ssrl_ecg.augmentations.baseline_shift import BaselineShift, BaselineShiftConfig
from ssrl_ecg.augmentations.baseline_wander import BaselineWander, BaselineWanderConfig
from ssrl_ecg.augmentations.channel_noise import ChannelNoise, ChannelNoiseConfig
from ssrl_ecg.augmentations.dropout_or_noise import DropoutOrNoise, DropoutOrNoiseConfig
from ssrl_ecg.augmentations.em_noise import EMNoise, EMNoiseConfig
from ssrl_ecg.augmentations.frequency_warp import FrequencyWarp, FrequencyWarpConfig
from ssrl_ecg.augmentations.lead_dropout import LeadDropout, LeadDropoutConfig
from ssrl_ecg.augmentations.lead_time_out import LeadTimeOut, LeadTimeOutConfig
from ssrl_ecg.augmentations.medical_mixup import MedicalMixup, MedicalMixupConfig
from ssrl_ecg.augmentations.motion_artifact import MotionArtifact, MotionArtifactConfig
from ssrl_ecg.augmentations.permutation import Permutation, PermutationConfig
from ssrl_ecg.augmentations.powerline_noise import PowerlineNoise, PowerlineNoiseConfig
from ssrl_ecg.augmentations.random_resized_crop import RandomResizedCrop, RandomResizedCropConfig
from ssrl_ecg.augmentations.sample_dropout import SampleDropout, SampleDropoutConfig
from ssrl_ecg.augmentations.segment_cutmix import SegmentCutMix, SegmentCutMixConfig
from ssrl_ecg.augmentations.temporal_dropout import TemporalDropout, TemporalDropoutConfig
from ssrl_ecg.augmentations.time_out import TimeOut, TimeOutConfig
from ssrl_ecg.augmentations.time_warp import TimeWarp, TimeWarpConfig
from ssrl_ecg.augmentations.vcg_rotation import VCGRotation, VCGRotationConfig


@dataclass(frozen=True)
class Recipe:
    """Augmentations applied one after the other; used like a single one."""

    augmentations: tuple[Augmentation, ...]
    """In order of application; none leaves the batch as it is."""
    name: str = "custom"
    """Name for run records."""

    def __call__(self, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
        """Make one view of a batch.

        Args:
            signal_mv: (batch, lead, time) in mV, float32 or float64, any device; not modified.
            sampling_rate_hz: samples per second.
            generator: CPU generator; the only source of randomness.

        Returns:
            A new tensor of the same shape, type and device, in mV.

        Raises:
            InputError: the batch is not (batch, lead, time), or has not the leads an augmentation needs.
        """
        return self.apply(signal_mv, self.draw(signal_mv, sampling_rate_hz, generator), sampling_rate_hz)

    def draw(self, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator) -> tuple[Parameters, ...]:
        """Draw the parameters of every augmentation; only the shape of the batch matters."""
        return tuple(augmentation.draw(signal_mv, sampling_rate_hz, generator) for augmentation in self.augmentations)

    def apply(self, signal_mv: Tensor, parameters: tuple[Parameters, ...], sampling_rate_hz: float) -> Tensor:
        """Apply drawn parameters to a batch of as many records, leaving the input as it is."""
        view = signal_mv.clone()
        for augmentation, drawn in zip(self.augmentations, parameters, strict=True):
            augmentation.apply_in_place(view, drawn, sampling_rate_hz)
        return view

    def without(self, left_out: str) -> Recipe:
        """Return the recipe without the augmentation of that name, called "NAME without LEFT-OUT"."""
        rest = tuple(augmentation for augmentation in self.augmentations if augmentation.name != left_out)
        return Recipe(rest, f"{self.name} without {left_out}")

    @property
    def mixes_records(self) -> bool:
        """Whether content of other records of the batch enters a view."""
        return any(augmentation.mixes_records for augmentation in self.augmentations)

    @property
    def keeps_time(self) -> bool:
        """Whether every sample of a view is the same moment as in the window it was made from."""
        return all(augmentation.keeps_time for augmentation in self.augmentations)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe's name and its augmentations, each with name and config, as plain values."""
        return {"name": self.name, "augmentations": [augmentation.to_dict() for augmentation in self.augmentations]}


def full() -> Recipe:
    """Return SSRL-ECG's seven augmentations in the order, at the strengths and at the rates it documents."""
    seven = (
        FrequencyWarp(FrequencyWarpConfig()),
        MedicalMixup(MedicalMixupConfig()),
        Bandpass(BandpassConfig()),
        SegmentCutMix(SegmentCutMixConfig()),
        MotionArtifact(MotionArtifactConfig()),
        ChannelNoise(ChannelNoiseConfig()),
        TemporalDropout(TemporalDropoutConfig()),
    )
    return Recipe(seven, "full")


def full_without(left_out: str) -> Recipe:
    """Return ``full`` without the augmentation of that name."""
    return replace(full().without(left_out), name=f"no-{left_out}")


def none() -> Recipe:
    """Return the recipe that changes nothing."""
    return Recipe((), "none")


def crop_timeout() -> Recipe:
    """Return random resized crop, then time-out: the best pair of Mehari & Strodthoff (2022)."""
    pair = (RandomResizedCrop(RandomResizedCropConfig()), TimeOut(TimeOutConfig()))
    return Recipe(pair, "crop-timeout")


def timeout_leads() -> Recipe:
    """Return time-out and lead dropout: every moment stays where it is, and durations and voltages what they are."""
    return Recipe((TimeOut(TimeOutConfig()), LeadDropout(LeadDropoutConfig())), "timeout-leads")


def crop_timeout_leads() -> Recipe:
    """Return ``crop_timeout`` and lead dropout: views that share neither time nor all of their leads."""
    return Recipe((*crop_timeout().augmentations, LeadDropout(LeadDropoutConfig())), "crop-timeout-leads")


def heavy() -> Recipe:
    """Return VCG rotation, scaling, light noise and time-out, each always: strong, without mixing or warping."""
    four = (
        VCGRotation(VCGRotationConfig(scale=(1.0, 1.0))),
        AmplitudeScaling(AmplitudeScalingConfig()),
        ChannelNoise(ChannelNoiseConfig(probability=1.0)),
        TimeOut(TimeOutConfig()),
    )
    return Recipe(four, "heavy")


def physiological_noises(level: int) -> tuple[Augmentation, ...]:
    """Return the four noises of Mehari & Strodthoff (2022), each always, at one of their six levels.

    Raises:
        InputError: there is no such level.
    """
    return (
        BaselineWander(BaselineWanderConfig.at_level(level)),
        PowerlineNoise(PowerlineNoiseConfig.at_level(level)),
        EMNoise(EMNoiseConfig.at_level(level)),
        BaselineShift(BaselineShiftConfig.at_level(level)),
    )


def with_physiological_noises(recipe: Recipe) -> Recipe:
    """Return a recipe that begins with a crop, with the four noises at level 2 after it: what is silenced stays so."""
    crop, *others = recipe.augmentations
    return Recipe((crop, *physiological_noises(2), *others), f"{recipe.name}-physio")


def mehari_strodthoff() -> Recipe:
    """Return the best pair of Mehari & Strodthoff (2022): ``crop_timeout`` under the paper's name."""
    return replace(crop_timeout(), name="mehari-strodthoff")


def mehari_strodthoff_physio() -> Recipe:
    """Return the physiological set of Mehari & Strodthoff (2022): four noises at level 2, nothing else."""
    return Recipe(physiological_noises(2), "mehari-strodthoff-physio")


def three_kg() -> Recipe:
    """Return 3KG's views (Gopal et al. 2021): rotated and scaled vectorcardiogram, half of each lead masked."""
    return Recipe((VCGRotation(VCGRotationConfig()), LeadTimeOut(LeadTimeOutConfig())), "3kg")


def three_kg_small_angles() -> Recipe:
    """Return ``three_kg`` for records with labels: 15 degrees and 10 % at most, a tenth of each lead masked."""
    pair = (
        VCGRotation(VCGRotationConfig(largest_angle_degrees=15.0, scale=(0.9, 1.1))),
        LeadTimeOut(LeadTimeOutConfig(length_fraction=0.1)),
    )
    return Recipe(pair, "3kg-small-angles")


KU: dict[str, Augmentation] = {
    "ku-dropout": SampleDropout(SampleDropoutConfig()),
    "ku-mix": DropoutOrNoise(DropoutOrNoiseConfig()),
    "ku-noise": ChannelNoise(ChannelNoiseConfig(probability=1.0, sd_fraction=(0.05, 0.05))),
    "ku-permutation": Permutation(PermutationConfig()),
    "ku-time-warp": TimeWarp(TimeWarpConfig()),
    "ku-zero-masking": TimeOut(TimeOutConfig(length_fraction=(0.1, 0.1))),
}
"""The views of KU's Contrastive-ECG, one augmentation each at its published strength."""


def ku(name: str) -> Recipe:
    """Return the view of that name in ``KU``."""
    return Recipe((KU[name],), name)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "3kg": three_kg,
    "3kg-small-angles": three_kg_small_angles,
    "crop-timeout": crop_timeout,
    "crop-timeout-leads": crop_timeout_leads,
    "crop-timeout-leads-physio": lambda: with_physiological_noises(crop_timeout_leads()),
    "crop-timeout-physio": lambda: with_physiological_noises(crop_timeout()),
    "full": full,
    "heavy": heavy,
    **{name: partial(ku, name) for name in KU},
    "mehari-strodthoff": mehari_strodthoff,
    "mehari-strodthoff-physio": mehari_strodthoff_physio,
    **{f"no-{augmentation.name}": partial(full_without, augmentation.name) for augmentation in full().augmentations},
    "none": none,
    "timeout-leads": timeout_leads,
}
"""Every named recipe: SSRL-ECG's seven and each leave-one-out of them, those of the papers, none, and our own.

``crop-timeout-physio`` and ``crop-timeout-leads-physio`` are the recipes of that name with physiological noise.
"""
