from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.motion_artifact import MotionArtifact, MotionArtifactConfig


def test_reads_the_leads_off_nine_wandering_electrodes(batch, generator):
    motion = MotionArtifact(MotionArtifactConfig(probability=1.0))
    drawn = motion.draw(batch, 100.0, generator)
    output = motion.apply(batch, drawn, 100.0).numpy()
    for row in range(6):
        for sample in range(0, 400, 37):
            ra, la, ll, *chest = (
                drawn["amplitude_mv"][row].item() / 2 * math.sin(2 * math.pi * frequency * sample / 100 + phase)
                for frequency, phase in zip(
                    drawn["frequency_hz"][row].tolist(), drawn["phase_radians"][row].tolist(), strict=True
                )
            )
            wilson = (ra + la + ll) / 3
            limb = [la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2]
            wander = np.array([*limb, *(electrode - wilson for electrode in chest)])
            np.testing.assert_allclose(output[row, :, sample] - batch[row, :, sample].numpy(), wander, atol=1e-7)


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 500.0])
def test_wander_stays_within_amplitude_and_band(sampling_rate_hz, generator):
    motion = MotionArtifact(MotionArtifactConfig(probability=1.0))
    silence = torch.zeros(200, 12, round(20 * sampling_rate_hz))
    drawn = motion.draw(silence, sampling_rate_hz, generator)
    wander = motion.apply(silence, drawn, sampling_rate_hz)
    peak = wander.abs().amax(dim=(1, 2))
    assert (peak <= drawn["amplitude_mv"] + 1e-6).all()
    assert (peak > 0.8 * drawn["amplitude_mv"]).all()
    power = torch.fft.rfft(wander * torch.hann_window(wander.shape[-1])).abs().square().mean(dim=(0, 1))
    frequency_hz = torch.fft.rfftfreq(wander.shape[-1], 1 / sampling_rate_hz)
    assert power[(frequency_hz > 0.35) & (frequency_hz < 2.15)].sum() > 0.999 * power.sum()


def test_documented_strength_and_rate():
    config = MotionArtifactConfig()
    assert (config.probability, config.frequency_hz, config.amplitude_mv) == (0.2, (0.5, 2.0), (0.01, 0.05))
