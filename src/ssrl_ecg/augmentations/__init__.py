"""Random transforms of batches of ECGs, one per file, and the recipes that chain them into views.

``AUGMENTATIONS`` names every transform; adding one is a file and a line here.
"""

from __future__ import annotations

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling
from ssrl_ecg.augmentations.bandpass import Bandpass
from ssrl_ecg.augmentations.base import Augmentation
from ssrl_ecg.augmentations.baseline_shift import BaselineShift
from ssrl_ecg.augmentations.baseline_wander import BaselineWander
from ssrl_ecg.augmentations.channel_noise import ChannelNoise
from ssrl_ecg.augmentations.channel_resize import ChannelResize
from ssrl_ecg.augmentations.down_sample import DownSample
from ssrl_ecg.augmentations.dropout_or_noise import DropoutOrNoise
from ssrl_ecg.augmentations.dynamic_time_warp import DynamicTimeWarp
from ssrl_ecg.augmentations.em_noise import EMNoise
from ssrl_ecg.augmentations.frequency_warp import FrequencyWarp
from ssrl_ecg.augmentations.gaussian_blur import GaussianBlur
from ssrl_ecg.augmentations.lead_dropout import LeadDropout
from ssrl_ecg.augmentations.lead_subset import LeadSubset
from ssrl_ecg.augmentations.lead_time_out import LeadTimeOut
from ssrl_ecg.augmentations.medical_mixup import MedicalMixup
from ssrl_ecg.augmentations.motion_artifact import MotionArtifact
from ssrl_ecg.augmentations.negation import Negation
from ssrl_ecg.augmentations.permutation import Permutation
from ssrl_ecg.augmentations.powerline_noise import PowerlineNoise
from ssrl_ecg.augmentations.random_resized_crop import RandomResizedCrop
from ssrl_ecg.augmentations.recorded_noise import RecordedNoise
from ssrl_ecg.augmentations.sample_dropout import SampleDropout
from ssrl_ecg.augmentations.segment_cutmix import SegmentCutMix
from ssrl_ecg.augmentations.temporal_dropout import TemporalDropout
from ssrl_ecg.augmentations.time_out import TimeOut
from ssrl_ecg.augmentations.time_warp import TimeWarp
from ssrl_ecg.augmentations.vcg_rotation import VCGRotation

__all__ = ["AUGMENTATIONS", "Augmentation"]

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "amplitude-scaling": AmplitudeScaling,
    "bandpass": Bandpass,
    "baseline-shift": BaselineShift,
    "baseline-wander": BaselineWander,
    "channel-noise": ChannelNoise,
    "channel-resize": ChannelResize,
    "cutmix": SegmentCutMix,
    "down-sample": DownSample,
    "dropout-or-noise": DropoutOrNoise,
    "dynamic-time-warp": DynamicTimeWarp,
    "em-noise": EMNoise,
    "frequency-warp": FrequencyWarp,
    "gaussian-blur": GaussianBlur,
    "lead-dropout": LeadDropout,
    "lead-subset": LeadSubset,
    "lead-time-out": LeadTimeOut,
    "mixup": MedicalMixup,
    "motion-artifact": MotionArtifact,
    "negation": Negation,
    "permutation": Permutation,
    "powerline-noise": PowerlineNoise,
    "random-resized-crop": RandomResizedCrop,
    "recorded-noise": RecordedNoise,
    "sample-dropout": SampleDropout,
    "temporal-dropout": TemporalDropout,
    "time-out": TimeOut,
    "time-warp": TimeWarp,
    "vcg-rotation": VCGRotation,
}
"""Every augmentation by name; the name is the class's own (tested). All are built from their config alone, except
``recorded-noise``, which also needs a recording."""
