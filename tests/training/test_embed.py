from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.training.embed import embed, eval_mode, module_hash


def slow_features(encoder, preprocessing, store, rows, starts):
    """One record and one window at a time."""
    encoder.eval()
    features = []
    for row in rows:
        signal_mv = preprocessing.filter(torch.from_numpy(store.read_mv([row])))
        with torch.no_grad():
            parts = [
                encoder(preprocessing.normalise(signal_mv[..., s : s + preprocessing.window_samples])) for s in starts
            ]
        features.append(torch.cat(parts).double().mean(dim=0).numpy())
    return np.array(features)


@pytest.mark.parametrize(("overlap", "starts"), [(0.0, (0, 100, 156)), (0.5, (0, 50, 100, 150, 156))])
def test_features_are_those_of_a_slow_loop(overlap, starts, small_encoder, preprocessing, store):
    rows = np.array([7, 3, 59, 3])
    filtering = replace(preprocessing, highpass_hz=0.5)
    expected = slow_features(small_encoder, filtering, store, rows, starts)
    found = embed(small_encoder, filtering, store, rows, batch_size=3, overlap=overlap)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_batch_size_does_not_matter(small_encoder, preprocessing, store):
    rows = np.arange(11)
    one, many = (embed(small_encoder, preprocessing, store, rows, batch_size=size) for size in (1, 64))
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_layers_are_averages_over_windows_too(small_encoder, preprocessing, store):
    rows = np.array([7, 3])
    found = embed(small_encoder, preprocessing, store, rows, overlap=0.0, readout="layers")
    small_encoder.eval()
    by_hand = []
    for row in rows:
        signal = preprocessing.normalise(preprocessing.filter(torch.from_numpy(store.read_mv([row]))))
        windows = [signal[..., start : start + preprocessing.window_samples] for start in (0, 100, 156)]
        with torch.no_grad():
            stages = [small_encoder.stages[:depth] for depth in (6, 12, 18)]
            each = [torch.cat([stage(window).mean(-1) for stage in stages], dim=1) for window in windows]
        by_hand.append(torch.cat(each).mean(dim=0).numpy())
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


def test_no_rows_give_no_features(small_encoder, preprocessing, store):
    assert embed(small_encoder, preprocessing, store, np.array([], dtype=int)).shape == (0, 8)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_every_part_is_restored(training, small_encoder, preprocessing, store):
    small_encoder.train(training)
    frozen = small_encoder.stages[1].eval()
    embed(small_encoder, preprocessing, store, np.arange(2))
    assert small_encoder.training is training
    assert frozen.training is False
    assert small_encoder.stages[4].training is training


def test_the_mode_is_restored_after_an_error():
    module = torch.nn.Dropout()

    def fail():
        with eval_mode(module):
            assert not module.training
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert module.training


def test_an_encoder_that_changes_itself_is_found_out(preprocessing, store):
    class Restless(ECGEncoder1DCNN):
        def forward(self, signal):
            self.stages[1].running_mean.add_(1e-6)
            return super().forward(signal)

    with pytest.raises(AssertionError, match="changed"):
        embed(Restless(CNNConfig(width=2)), preprocessing, store, np.arange(2))


def test_the_hash_sees_every_parameter_and_buffer(small_encoder):
    before = module_hash(small_encoder)
    assert module_hash(small_encoder.train()) == before
    for name, value in small_encoder.state_dict().items():
        kept = value.clone()
        value.view(-1)[-1] += 1
        assert module_hash(small_encoder) != before, name
        value.copy_(kept)
    assert module_hash(small_encoder) == before
