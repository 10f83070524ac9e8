from __future__ import annotations

import pytest
import torch

from ssrl_ecg.evaluation.transfer.readout import beat_feature_dim, beat_features
from ssrl_ecg.training.checkpoint import load_encoder


@pytest.fixture
def encoder(encoder_file):
    return load_encoder(encoder_file).encoder


def test_maps_are_averaged_over_the_moments_of_the_beat(encoder, generator):
    windows = torch.randn((3, 12, 128), generator=generator)
    expected = []
    for layer in encoder.layer_maps(windows):
        n_moments = layer.shape[-1]
        own = [k for k in range(n_moments) if -0.3 <= (k + 0.5) / n_moments * 1.28 - 0.64 <= 0.45]
        expected.append(torch.stack([layer[..., k] for k in own]).mean(dim=0))
    found = beat_features(encoder, windows, 1.28)
    assert found.shape == (3, beat_feature_dim(encoder))
    torch.testing.assert_close(found, torch.cat(expected, dim=1))


def test_a_map_of_one_moment_is_read_at_it(encoder, generator):
    windows = torch.randn((2, 12, 32), generator=generator)
    last = encoder.layer_maps(windows)[-1]
    assert last.shape[-1] == 1
    found = beat_features(encoder, windows, 3.0)
    torch.testing.assert_close(found[:, -encoder.map_dim :], last[..., 0])


def test_what_lies_far_from_the_beat_hardly_counts(encoder, generator):
    windows = torch.randn((1, 12, 512), generator=generator)
    changed = windows.clone()
    changed[..., :40] = 5.0
    early = slice(0, 2 * encoder.config.width)
    before, after = (beat_features(encoder, one, 5.12)[:, early] for one in (windows, changed))
    torch.testing.assert_close(after, before)
