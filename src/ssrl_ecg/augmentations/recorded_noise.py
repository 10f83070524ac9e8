"""Recorded noise: what electrodes really pick up, at a stated signal-to-noise ratio."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES, N_ELECTRODES, require_twelve_leads
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.resample import resample

_START_STEP_S = 0.1
"""Excerpts start at multiples of this, so that they start at the same moment at every usual sampling rate."""


@dataclass(frozen=True, kw_only=True)
class RecordedNoiseConfig(AugmentationConfig):
    """Strength and rate of ``RecordedNoise``; defaults: the range of the MIT-BIH Noise Stress Test Database's ECGs."""

    probability: float = 1.0
    snr_db: tuple[float, float] = (-6.0, 24.0)
    """Range of the signal-to-noise ratio in dB, within [-30, 60]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "snr_db", -30.0, 60.0)


class RecordedNoise(Augmentation):
    """Add excerpts of a recording of noise, such as bw, em or ma of the Noise Stress Test Database (Moody et al. 1984).

    Such recordings have two channels, not twelve, and nobody knows what the other ten would have shown. What is done:
    each of the nine electrodes receives an excerpt of its own (channel and start drawn, mean removed), and the leads
    read their differences. So the noise of each electrode is real; that electrodes are independent of each other is an
    assumption, and Einthoven's law holds.

    Signal-to-noise ratio: ``10 log10(signal power / noise power)``, both the variance over the record's time, averaged
    over the twelve leads; one factor scales all of a record's noise, so quiet leads are noisier than loud ones, as at
    the bedside. (The database itself takes the QRS complex's peak-to-peak amplitude for the signal: its figures are
    not these.) A record without signal stays without noise.

    Args:
        config: strength and rate.
        noise_mv: (channel, time) in mV, finite; it is resampled to the batch's rate when first needed.
        noise_hz: its samples per second.

    Raises:
        InputError: the noise is not (channel, time), or not finite.
    """

    name = "recorded-noise"
    config_type = RecordedNoiseConfig
    config: RecordedNoiseConfig

    def __init__(self, config: RecordedNoiseConfig, noise_mv: NDArray[np.floating[Any]], noise_hz: float) -> None:
        super().__init__(config)
        if noise_mv.ndim != 2 or 0 in noise_mv.shape or not np.isfinite(noise_mv).all():
            raise InputError("this is no recording of noise", expected="(channel, time), finite", found=noise_mv.shape)
        self._noise_mv, self._noise_hz = np.asarray(noise_mv, dtype=np.float32), noise_hz
        self._converted: dict[tuple[float, torch.dtype, torch.device], Tensor] = {}

    def to_dict(self) -> dict[str, Any]:
        """Return name, config and what tells this noise from another."""
        digest = hashlib.sha256(np.ascontiguousarray(self._noise_mv).tobytes()).hexdigest()[:16]
        return super().to_dict() | {"noise_sha256": digest, "noise_hz": self._noise_hz}

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        spare_s = self._noise_mv.shape[1] / self._noise_hz - signal_mv.shape[-1] / sampling_rate_hz
        if spare_s < 0:
            raise InputError("the recording of noise is shorter than the records", found=f"{-spare_s:g} s too short")
        electrodes = (len(rows), N_ELECTRODES)
        return {
            "snr_db": draw_uniform(self.config.snr_db, (len(rows),), generator),
            "channel": torch.randint(len(self._noise_mv), electrodes, generator=generator),
            "start_s": torch.randint(int(spare_s / _START_STEP_S) + 1, electrodes, generator=generator) * _START_STEP_S,
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        excerpts = self._recording(sampling_rate_hz, own).unfold(1, own.shape[-1], 1)
        start = (parameters["start_s"].double() * sampling_rate_hz).round().long().clamp(max=excerpts.shape[1] - 1)
        electrode_mv = excerpts[parameters["channel"], start]
        noise_mv = LEADS_FROM_ELECTRODES.to(own) @ (electrode_mv - electrode_mv.mean(dim=-1, keepdim=True))
        wanted = _deviation(own) * 10 ** (-parameters["snr_db"].to(own.dtype) / 20)
        factor = (wanted / _deviation(noise_mv)).nan_to_num(0.0, posinf=0.0)
        return own.addcmul_(noise_mv, factor.view(-1, 1, 1))

    def _recording(self, sampling_rate_hz: float, signal: Tensor) -> Tensor:
        """Return (channel, time) noise at a rate, in the signal's type and on its device; converted once."""
        key = (sampling_rate_hz, signal.dtype, signal.device)
        if key not in self._converted:
            resampled = resample(self._noise_mv, self._noise_hz, sampling_rate_hz)
            self._converted[key] = torch.from_numpy(resampled).to(signal)
        return self._converted[key]


def _deviation(signal: Tensor) -> Tensor:
    """Return (row,): root of the variance over time, averaged over the leads, times a constant of the shape."""
    deviation: Tensor = torch.linalg.vector_norm(signal - signal.mean(dim=-1, keepdim=True), dim=(1, 2))
    return deviation
