from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.base import Parameters
from ssrl_ecg.augmentations.down_sample import DownSample, DownSampleConfig


def test_every_fifth_sample_joined_by_lines(batch):
    twenty_hz = Parameters(torch.arange(6), {"rate_hz": torch.full((6,), 20.0)})
    output = DownSample(DownSampleConfig()).apply(batch, twenty_hz, 100.0).numpy()
    kept = np.arange(0, 400, 5)
    for row, record in enumerate(batch.numpy()):
        for lead in range(12):
            expected = np.interp(np.arange(396), kept, record[lead, kept])
            np.testing.assert_allclose(output[row, lead, :396], expected, atol=1e-5)


def test_what_is_faster_than_half_the_lower_rate_folds_back():
    time_s = torch.arange(1000, dtype=torch.float64) / 100
    fast = torch.sin(2 * torch.pi * 18 * time_s).view(1, 1, -1)
    twenty_hz = Parameters(torch.arange(1), {"rate_hz": torch.tensor([20.0])})
    output = DownSample(DownSampleConfig()).apply(fast, twenty_hz, 100.0)[0, 0]
    assert torch.fft.rfft(output).abs().argmax().item() == 20  # 2 Hz in 10 s


def test_rates_cover_the_range(generator):
    rate_hz = DownSample(DownSampleConfig()).draw(torch.zeros(1000, 1, 1), 100.0, generator)["rate_hz"]
    assert rate_hz.min().item() == pytest.approx(20, abs=0.2)
    assert rate_hz.max().item() == pytest.approx(50, abs=0.2)
