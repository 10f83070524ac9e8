from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.time_axis import draw_windows, sample_at, warped_position, window_mask


def keys_kernel(distance: float) -> float:
    """Keys' cubic convolution kernel (1981, equation 15), a = -1/2."""
    s = abs(distance)
    if s < 1:
        return 1.5 * s**3 - 2.5 * s**2 + 1
    return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0


def test_sample_at_is_keys_convolution_with_held_ends(batch, generator):
    rows = torch.tensor([4, 0, 5])
    position = torch.rand(3, 30, generator=generator, dtype=torch.float64) * 410 - 5
    expected = np.zeros((3, 12, 30))
    for out, (row, at) in enumerate(zip(rows.tolist(), position.numpy().clip(0, 399), strict=True)):
        for n, where in enumerate(at):
            for sample in range(math.floor(where) - 1, math.floor(where) + 3):
                held = min(max(sample, 0), 399)
                expected[out, :, n] += keys_kernel(where - sample) * batch[row, :, held].numpy()
    np.testing.assert_allclose(sample_at(batch, rows, position).numpy(), expected, atol=1e-12)


def test_sample_at_is_exact_at_samples_and_for_parabolas(batch):
    everything = torch.arange(400).repeat(6, 1)
    assert torch.equal(sample_at(batch, torch.arange(6), everything), batch)
    time = torch.arange(50, dtype=torch.float64)
    parabola = (0.3 * time**2 - 2 * time + 1).view(1, 1, -1)
    position = torch.linspace(1, 48, 99, dtype=torch.float64)
    expected = 0.3 * position**2 - 2 * position + 1
    torch.testing.assert_close(sample_at(parabola, torch.tensor([0]), position.view(1, -1))[0, 0], expected)


def test_sample_at_keeps_15_hz_at_100_hz_as_documented():
    time = torch.arange(1000, dtype=torch.float64)
    wave = torch.sin(2 * math.pi * 0.15 * time).view(1, 1, -1)
    halfway = torch.arange(10, 980, dtype=torch.float64).view(1, -1) + 0.5
    kept = sample_at(wave, torch.tensor([0]), halfway).std() / wave.std()
    assert kept == pytest.approx(0.98, abs=0.005)


def test_sample_at_overshoots_by_a_quarter_at_most():
    wave = torch.tensor([[[-1.0, 1.0, 1.0, -1.0]]])
    assert sample_at(wave, torch.tensor([0]), torch.tensor([[1.5]])).item() == pytest.approx(1.25)


def test_windows_lie_inside_and_lengths_are_uniform(generator):
    start, length = draw_windows((0.2, 0.4), 20_000, generator)
    assert (start >= 0).all()
    assert (start + length <= 1).all()
    assert (length.min() >= 0.2) & (length.max() <= 0.4)
    assert length.mean().item() == pytest.approx(0.3, abs=0.002)
    # Given its length, a window starts anywhere in what is left.
    assert (start / (1 - length)).mean().item() == pytest.approx(0.5, abs=0.01)


def test_window_mask_takes_samples_by_their_time():
    mask = window_mask(torch.tensor([0.25, 0.0, 0.9]), torch.tensor([0.5, 0.0, 0.1]), 8)
    assert mask.int().tolist() == [[0, 0, 1, 1, 1, 1, 0, 0], [0] * 8, [0] * 8]


def test_warped_position_is_linear_interpolation_between_edges(generator):
    edges = torch.rand(2, 5, 6, generator=generator, dtype=torch.float64).cumsum(dim=2)
    edges = (edges - edges[..., :1]) / (edges[..., -1:] - edges[..., :1])
    position = warped_position(edges[0], edges[1], 200).numpy()
    for row in range(5):
        expected = 200 * np.interp(np.arange(200) / 200, edges[0, row].numpy(), edges[1, row].numpy())
        np.testing.assert_allclose(position[row], expected, atol=1e-9)
