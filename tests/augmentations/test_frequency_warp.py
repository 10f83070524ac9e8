from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

from ssrl_ecg.augmentations.frequency_warp import FrequencyWarp, FrequencyWarpConfig


def beats(sampling_rate_hz: float, n_records: int) -> torch.Tensor:
    """(record, 2, time): narrow bumps, one per second, over 10 s."""
    time_s = np.arange(round(10 * sampling_rate_hz)) / sampling_rate_hz
    train = np.exp(-(((time_s[:, None] - np.arange(0.5, 10)) / 0.03) ** 2)).sum(axis=1)
    return torch.from_numpy(np.stack([train, -0.5 * train])).repeat(n_records, 1, 1)


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 500.0])
def test_the_heart_beats_faster_by_the_drawn_factor(sampling_rate_hz, generator):
    warp = FrequencyWarp(FrequencyWarpConfig(probability=1.0))
    signal = beats(sampling_rate_hz, 20)
    drawn = warp.draw(signal, sampling_rate_hz, generator)
    for record, factor in zip(warp.apply(signal, drawn, sampling_rate_hz), drawn["heart_rate_factor"], strict=True):
        peaks = find_peaks(record[0], height=0.5)[0]
        beats_per_s = sampling_rate_hz * 7 / (peaks[8] - peaks[1])
        assert beats_per_s == pytest.approx(factor.item(), rel=0.004)


def test_matches_a_spline_record_by_record(generator):
    warp = FrequencyWarp(FrequencyWarpConfig(probability=1.0))
    signal = beats(500.0, 8)
    drawn = warp.draw(signal, 500.0, generator)
    output, time = warp.apply(signal, drawn, 500.0), np.arange(5000.0)
    for record, original, factor in zip(output, signal, drawn["heart_rate_factor"].numpy(), strict=True):
        position = 2500 + factor * (time - 2500)
        expected = CubicSpline(time, original.numpy(), axis=1)(np.where(position < 0, -position, position))
        inside = position < 4999
        np.testing.assert_allclose(record.numpy()[:, inside], expected[:, inside], atol=2e-3)
        mirrored = CubicSpline(time, original.numpy(), axis=1)(2 * 4999 - position[~inside])
        np.testing.assert_allclose(record.numpy()[:, ~inside], mirrored, atol=2e-3)


def test_documented_strength_and_rate(generator):
    config = FrequencyWarpConfig()
    assert (config.probability, config.heart_rate_change_fraction) == (0.5, 0.05)
    drawn = FrequencyWarp(config).draw(torch.zeros(8000, 1, 100), 100.0, generator)["heart_rate_factor"]
    assert (drawn.min() >= 0.95) & (drawn.min() < 0.951)
    assert (drawn.max() > 1.049) & (drawn.max() <= 1.05)
