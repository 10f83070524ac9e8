from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from ssrl_ecg.augmentations.gaussian_blur import GaussianBlur, GaussianBlurConfig


@pytest.mark.parametrize("sampling_rate_hz", [200.0, 500.0])
def test_is_scipys_gaussian_filter_record_by_record(batch, sampling_rate_hz, generator):
    blur = GaussianBlur(GaussianBlurConfig(sd_s=(0.01, 0.02)))
    drawn = blur.draw(batch, sampling_rate_hz, generator)
    output = blur.apply(batch, drawn, sampling_rate_hz).numpy()
    for row, record in enumerate(batch.numpy()):
        sd_samples = drawn["sd_s"][row].item() * sampling_rate_hz
        expected = gaussian_filter1d(record, sd_samples, axis=-1, mode="nearest", truncate=6)
        np.testing.assert_allclose(output[row], expected, atol=3e-3)


def test_eleven_milliseconds_are_the_published_five_weights_at_100_hz():
    frequency_hz = torch.linspace(0, 30, 31, dtype=torch.float64)
    turn = 2 * torch.pi * frequency_hz / 100
    published = 0.4 + 2 * 0.2 * turn.cos() + 2 * 0.1 * (2 * turn).cos()
    ours = torch.exp(-2 * (torch.pi * frequency_hz * 0.011) ** 2)
    assert (published - ours).abs().max() < 0.12
    assert (published - ours)[frequency_hz <= 10].abs().max() < 0.02


def test_a_constant_stays_and_ends_do_not_bend(generator):
    level = torch.full((3, 2, 300), 1.7, dtype=torch.float64)
    torch.testing.assert_close(GaussianBlur(GaussianBlurConfig())(level, 100.0, generator), level)
