"""Masked reconstruction: stretches of an ECG are blanked, and what was there should follow from the rest.

SSRL-ECG's first method (its checkpoints are called ``ssl_masked``); the idea is that of denoising autoencoders (Vincent
et al. 2008). What differs here: blocks do not overlap, so that exactly the given share is blanked; the error counts
where something was blanked, while theirs averages it over the whole signal; and the decoder fits any encoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import masked_mse
from ssrl_ecg.methods.masking import equal_blocks, place_blocks
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole

Region = Literal["masked", "all"]
_PROBE_SAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class MaskedReconstructionConfig(ModuleConfig):
    """Settings of masked reconstruction."""

    mask_ratio: float = 0.3
    """Share of the samples that are blanked, in all leads at once, in (0, 1); SSRL-ECG."""
    block_s: float = 0.5
    """Length of a block in seconds (> 0), as nearly as whole blocks allow; SSRL-ECG: 50 samples at 100 Hz."""
    loss_on: Region = "masked"
    """Where the error counts: in the blanked samples, or in all, as published."""
    decoder_width: int = 64
    """Channels of the decoder (>= 1); our choice."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("mask_ratio", self.mask_ratio, 1e-3, 1 - 1e-3)
        require_between("block_s", self.block_s, 1e-3, 1e3)
        require_whole("decoder_width", self.decoder_width, 1)
        if self.loss_on not in get_args(Region):
            raise InputError(
                "unknown region", field="loss_on", expected=" | ".join(get_args(Region)), found=self.loss_on
            )


class MaskedReconstruction(Method):
    """Encoder on the blanked signal, transposed convolutions from its feature map back to samples, squared error.

    One view per record. Every transposed convolution (kernel 4, stride 2, as published) doubles time; there are as many
    as it takes to undo, to the nearest power of two, by how much the encoder shortens it.
    """

    Config = MaskedReconstructionConfig
    config: MaskedReconstructionConfig
    plan = ViewPlan(windows=1)

    def __init__(self, encoder: Encoder, config: MaskedReconstructionConfig) -> None:
        super().__init__(encoder, config)
        width, channels = config.decoder_width, encoder.map_dim
        self.decoder = nn.Sequential()
        for _ in range(_doublings(encoder)):
            self.decoder.append(nn.ConvTranspose1d(channels, width, 4, stride=2, padding=1))
            self.decoder.append(nn.ReLU(inplace=True))
            channels = width
        self.output = nn.Conv1d(channels, encoder.config.n_leads, 3, padding=1)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Reconstruct the view from what is left of it; blanked samples are 0, which the normalisation made the mean.

        Logs ``explained``: 1 - squared error / mean square where the error counts; 0 is what an answer of zero reaches.
        """
        view, asked = batch.views[0], batch.views[-1]  # the same, unless a control asks for another record's samples
        mask = self.draw_mask(len(view), view.shape[-1], batch.sampling_rate_hz, generator).to(view.device)
        counts = mask if self.config.loss_on == "masked" else torch.ones_like(mask)
        value = masked_mse(self.reconstruct(view.masked_fill(mask, 0.0)), asked, counts)
        power = masked_mse(torch.zeros_like(asked), asked, counts)
        return Loss(value=value, logs={"explained": 1 - value.detach() / power.clamp(min=1e-12)})

    def reconstruct(self, signal: Tensor) -> Tensor:
        """Say what the whole of a signal with gaps looks like, (batch, lead, time) in and out."""
        features = self.decoder(self.encoder.feature_map(signal))
        samples: Tensor = self.output(F.interpolate(features, size=signal.shape[-1], mode="linear"))
        return samples

    def draw_mask(self, n_records: int, n_samples: int, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
        """Draw blocks at random places: bool (record, 1, sample), True where the signal is blanked."""
        total = max(1, round(self.config.mask_ratio * n_samples))
        sizes = equal_blocks(total, max(1, round(self.config.block_s * sampling_rate_hz)))
        return place_blocks([sizes] * n_records, n_samples, generator).unsqueeze(1)


def _doublings(encoder: Encoder) -> int:
    """Count how often the encoder halves time, to the nearest whole number: it is shown a blank signal."""
    was_training = encoder.training
    with torch.no_grad():
        features = encoder.eval().feature_map(torch.zeros(1, encoder.config.n_leads, _PROBE_SAMPLES))
    encoder.train(was_training)
    return round(math.log2(_PROBE_SAMPLES / features.shape[-1]))
