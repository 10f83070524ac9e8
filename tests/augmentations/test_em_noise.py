from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.em_noise import EMNoise, EMNoiseConfig


def test_every_electrode_has_its_own_noise(batch, generator, read_by_leads):
    em = EMNoise(EMNoiseConfig())
    drawn = em.draw(batch, 100.0, generator)
    change = (em.apply(batch, drawn, 100.0) - batch).numpy()
    for row in range(6):
        electrodes = drawn["noise"][row].double().numpy() * drawn["amplitude_mv"][row].item() / math.sqrt(2)
        np.testing.assert_allclose(change[row], read_by_leads(electrodes), atol=1e-6)


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 500.0])
def test_sizes_are_as_documented_at_any_rate_and_the_noise_is_white(sampling_rate_hz, generator):
    em = EMNoise(EMNoiseConfig(amplitude_mv=(0.5, 0.5)))
    change = em(torch.zeros(30, 12, round(10 * sampling_rate_hz)), sampling_rate_hz, generator)
    sd_mv = change.std(dim=(0, 2))
    expected = torch.tensor([1.0] * 3 + [math.sqrt(0.75)] * 3 + [math.sqrt(2 / 3)] * 6) * 0.5
    torch.testing.assert_close(sd_mv, expected, rtol=0.02, atol=0)
    power = torch.fft.rfft(change).abs().square().mean(dim=(0, 1))
    half = len(power) // 2
    assert power[1:half].mean().item() == pytest.approx(power[half:-1].mean().item(), rel=0.05)
