from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from ssrl_ecg.augmentations.random_resized_crop import RandomResizedCrop, RandomResizedCropConfig


def test_stretches_the_window_record_by_record(generator):
    time = np.arange(1000.0)
    signal = torch.from_numpy(np.stack([np.sin(time / 17), np.cos(time / 23)])).repeat(8, 1, 1)
    crop = RandomResizedCrop(RandomResizedCropConfig(probability=1.0))
    drawn = crop.draw(signal, 100.0, generator)
    for row, record in enumerate(crop.apply(signal, drawn, 100.0).numpy()):
        start, share = drawn["start_fraction"][row].item(), drawn["length_fraction"][row].item()
        position = np.clip(1000 * start + share * time, 0, 999)
        expected = CubicSpline(time, signal[row].numpy(), axis=1)(position)
        np.testing.assert_allclose(record[:, 2:-2], expected[:, 2:-2], atol=1e-3)


def test_the_whole_record_is_left_as_it_is(batch, generator):
    crop = RandomResizedCrop(RandomResizedCropConfig(probability=1.0, length_fraction=(1.0, 1.0)))
    torch.testing.assert_close(crop(batch, 100.0, generator), batch, atol=1e-4, rtol=0)


def test_published_strength():
    assert RandomResizedCropConfig().length_fraction == (0.5, 1.0)
