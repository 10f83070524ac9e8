from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.channel_noise import ChannelNoise, ChannelNoiseConfig


def test_adds_noise_record_by_record(batch, generator):
    augmentation = ChannelNoise(ChannelNoiseConfig(probability=1.0))
    drawn = augmentation.draw(batch, 100.0, generator)
    output = augmentation.apply(batch, drawn, 100.0).numpy()
    for row, record in enumerate(batch.numpy()):
        noise = {}
        for position, lead in enumerate((0, 1, 6, 7, 8, 9, 10, 11)):
            sd_mv = drawn["sd_fraction"][row, position].item() * np.std(record[lead])
            noise[lead] = sd_mv * drawn["noise"][row, position].numpy()
        i, ii = noise[0], noise[1]
        noise |= {2: ii - i, 3: -(i + ii) / 2, 4: i - ii / 2, 5: ii - i / 2}
        np.testing.assert_allclose(output[row], record + np.stack([noise[lead] for lead in range(12)]), atol=1e-12)


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 500.0])
def test_noise_is_the_drawn_share_of_each_leads_sd_at_any_rate(sampling_rate_hz, generator):
    augmentation = ChannelNoise(ChannelNoiseConfig(probability=1.0))
    time_s = torch.arange(round(10 * sampling_rate_hz)) / sampling_rate_hz
    size_mv = torch.linspace(0.1, 2, 12).view(1, -1, 1)
    signal = (size_mv * torch.sin(2 * torch.pi * 1.3 * time_s)).repeat(30, 1, 1) + 5
    drawn = augmentation.draw(signal, sampling_rate_hz, generator)
    change = augmentation.apply(signal, drawn, sampling_rate_hz) - signal
    measured = [0, 1, 6, 7, 8, 9, 10, 11]
    share = change[:, measured].std(dim=2) / signal[:, measured].std(dim=2)
    torch.testing.assert_close(share, drawn["sd_fraction"], rtol=0.15, atol=0)
    white = torch.fft.rfft(change[:, 0]).abs().square().mean(dim=0)
    assert white[: len(white) // 2].mean().item() == pytest.approx(white[len(white) // 2 :].mean().item(), rel=0.1)


def test_flat_lead_stays_flat(batch, generator):
    batch[:, 7] = 0.3
    output = ChannelNoise(ChannelNoiseConfig(probability=1.0))(batch, 100.0, generator)
    torch.testing.assert_close(output[:, 7], batch[:, 7])


def test_documented_strength_and_rate(generator):
    config = ChannelNoiseConfig()
    assert (config.probability, config.sd_fraction) == (0.6, (0.005, 0.02))
    drawn = ChannelNoise(config).draw(torch.zeros(2000, 12, 2), 100.0, generator)["sd_fraction"]
    assert (drawn.min() >= 0.005) & (drawn.max() <= 0.02)
    assert drawn.mean().item() == pytest.approx(0.0125, abs=2e-4)
