from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.methods.beat_pooling import pool_beats

SPAN_S = (-0.25, 0.45)
NAN = float("nan")


def slow(features, r_s, duration_s, n_points):
    """One channel of one record, point by point."""
    n_time = len(features)
    centres_s = (np.arange(n_time) + 0.5) * duration_s / n_time
    at_s = [r_s + SPAN_S[0] + 0.7 * (k + 0.5) / n_points for k in range(n_points)]
    return np.mean([np.interp(t, centres_s, features) for t in at_s if 0 <= t <= duration_s])


@pytest.mark.parametrize("n_time", [1, 7, 16, 250])
def test_a_beat_is_the_mean_of_interpolated_points_at_any_stride(generator, n_time):
    features = torch.randn(2, 3, n_time, generator=generator)
    rpeaks_s = torch.tensor([[0.05, 1.1, 2.37], [0.7, 1.5, 2.0]])
    found = pool_beats(features, rpeaks_s, 2.5, SPAN_S)
    n_points = max(8, math.ceil(2 * 0.7 / (2.5 / n_time)))
    assert found.shape == (2, 3, 3)
    for row, beat, channel in np.ndindex(2, 3, 3):
        expected = slow(features[row, channel].numpy(), rpeaks_s[row, beat].item(), 2.5, n_points)
        assert found[row, beat, channel].item() == pytest.approx(expected, abs=1e-5)


def test_the_length_of_the_map_hardly_matters():
    """The mean over the span of a slow wave, known in closed form."""
    rpeaks_s = torch.tensor([[1.0, 1.3]])
    for n_time in (40, 80, 250):
        time_s = (torch.arange(n_time) + 0.5) * 2.5 / n_time
        found = pool_beats(torch.sin(2 * time_s)[None, None], rpeaks_s, 2.5, SPAN_S)[0, :, 0]
        first, last = rpeaks_s[0] + SPAN_S[0], rpeaks_s[0] + SPAN_S[1]
        expected = (torch.cos(2 * first) - torch.cos(2 * last)) / 2 / 0.7
        torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_moving_one_peak_changes_that_beat_only(generator):
    features = torch.randn(2, 4, 20, generator=generator)
    rpeaks_s = torch.tensor([[0.3, 1.2, 2.1], [0.4, 1.3, NAN]])
    moved = rpeaks_s.clone()
    moved[0, 1] += 0.05
    before, after = (pool_beats(features, peaks, 2.5, SPAN_S) for peaks in (rpeaks_s, moved))
    changed = (before != after).any(dim=2)
    assert changed.tolist() == [[False, True, False], [False, False, False]]


def test_no_beat_is_zero_and_gradients_are_finite(generator):
    features = torch.randn(1, 4, 20, generator=generator, requires_grad=True)
    found = pool_beats(features, torch.tensor([[1.0, NAN, 9.0]]), 2.5, SPAN_S)
    assert (found[0, 1:] == 0).all()
    found.sum().backward()
    assert features.grad.isfinite().all()
    assert features.grad[0, 0].sum().item() == pytest.approx(1)  # an average's weights


def test_runs_in_bfloat16(generator):
    features = torch.randn(1, 4, 20, generator=generator)
    peaks = torch.tensor([[1.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pool_beats(features, peaks, 2.5, SPAN_S)
    torch.testing.assert_close(found.float(), pool_beats(features, peaks, 2.5, SPAN_S), atol=0.02, rtol=0.02)
