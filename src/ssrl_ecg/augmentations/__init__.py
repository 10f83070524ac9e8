"""Random transforms of batches of ECGs, one per file, and the recipes that chain them into views.

``AUGMENTATIONS`` names every transform; adding one is a file and a line here.
"""

from __future__ import annotations

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling
from ssrl_ecg.augmentations.bandpass import Bandpass
from ssrl_ecg.augmentations.base import Augmentation
from ssrl_ecg.augmentations.channel_noise import ChannelNoise
from ssrl_ecg.augmentations.frequency_warp import FrequencyWarp
from ssrl_ecg.augmentations.lead_dropout import LeadDropout
from ssrl_ecg.augmentations.medical_mixup import MedicalMixup
from ssrl_ecg.augmentations.motion_artifact import MotionArtifact
from ssrl_ecg.augmentations.random_resized_crop import RandomResizedCrop
from ssrl_ecg.augmentations.segment_cutmix import SegmentCutMix
from ssrl_ecg.augmentations.temporal_dropout import TemporalDropout
from ssrl_ecg.augmentations.time_out import TimeOut
from ssrl_ecg.augmentations.vcg_rotation import VCGRotation

__all__ = ["AUGMENTATIONS", "Augmentation"]

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "amplitude-scaling": AmplitudeScaling,
    "bandpass": Bandpass,
    "channel-noise": ChannelNoise,
    "cutmix": SegmentCutMix,
    "frequency-warp": FrequencyWarp,
    "lead-dropout": LeadDropout,
    "mixup": MedicalMixup,
    "motion-artifact": MotionArtifact,
    "random-resized-crop": RandomResizedCrop,
    "temporal-dropout": TemporalDropout,
    "time-out": TimeOut,
    "vcg-rotation": VCGRotation,
}
"""Every augmentation by name; the name is the class's own (tested)."""
