from __future__ import annotations

import numpy as np
import torch

from ssrl_ecg.augmentations.time_out import TimeOut, TimeOutConfig


def test_silences_one_window_record_by_record(batch, generator):
    timeout = TimeOut(TimeOutConfig(probability=1.0))
    drawn = timeout.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row in range(6):
        start, length = drawn["start_fraction"][row].item() * 400, drawn["length_fraction"][row].item() * 400
        expected[row, :, int(np.ceil(start)) : int(np.ceil(start + length))] = 0
    np.testing.assert_array_equal(timeout.apply(batch, drawn, 100.0).numpy(), expected)


def test_published_strength(generator):
    assert TimeOutConfig().length_fraction == (0.2, 0.4)
    silent = (TimeOut(TimeOutConfig())(torch.ones(500, 1, 1000), 100.0, generator) == 0).float().mean(dim=(1, 2))
    assert 0.199 <= silent.min() < 0.21
    assert 0.39 < silent.max() <= 0.401
