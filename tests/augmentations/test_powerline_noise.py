from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.powerline_noise import PowerlineNoise, PowerlineNoiseConfig


def test_one_hum_couples_into_every_electrode(batch, generator, read_by_leads):
    powerline = PowerlineNoise(PowerlineNoiseConfig())
    drawn = powerline.draw(batch, 1000.0, generator)
    change = (powerline.apply(batch, drawn, 1000.0) - batch).numpy()
    time_s = np.arange(400) / 1000
    for row in range(6):
        hum = np.zeros(400)
        for k in range(4):
            weight, phase = drawn["weight"][row, k].item(), drawn["phase_radians"][row, k].item()
            hum += weight * np.cos(2 * math.pi * 50 * (k + 1) * time_s + phase)
        electrodes = drawn["coupling"][row].double().numpy()[:, None] * hum * drawn["amplitude_mv"][row].item() / 2
        np.testing.assert_allclose(change[row], read_by_leads(electrodes), atol=1e-6)


@pytest.mark.parametrize(
    ("sampling_rate_hz", "mains_hz", "heard_hz"),
    [
        (1000.0, 50.0, [50, 100, 150, 200]),
        (500.0, 50.0, [50, 100, 150, 200]),
        (250.0, 50.0, [50, 100]),
        (250.0, 60.0, [60, 120]),
        (100.0, 50.0, [50]),
        (100.0, 60.0, []),
    ],
)
def test_no_frequency_is_folded_back(sampling_rate_hz, mains_hz, heard_hz, generator):
    powerline = PowerlineNoise(PowerlineNoiseConfig(mains_hz=mains_hz, amplitude_mv=(1.0, 1.0)))
    change = powerline(torch.zeros(50, 12, int(sampling_rate_hz), dtype=torch.float64), sampling_rate_hz, generator)
    spectrum = torch.fft.rfft(change).abs().amax(dim=(0, 1))  # one second: bin k is k Hz
    assert (spectrum > 1e-6 * sampling_rate_hz).nonzero().flatten().tolist() == heard_hz


def test_no_harmonic_moves_a_lead_by_more_than_the_amplitude(generator):
    powerline = PowerlineNoise(PowerlineNoiseConfig(amplitude_mv=(0.5, 0.5)))
    change = powerline(torch.zeros(2000, 12, 2), 100.0, generator).abs()
    assert 0.4 < change.max() <= 0.5
