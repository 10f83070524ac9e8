from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import KUCNN, KUCNNLSTM, KUCNNAttentionLSTM, KUCNNTransformer, KUConfig
from ssrl_ecg.models.ku import Domain, spectrum

KINDS = (KUCNN, KUCNNLSTM, KUCNNAttentionLSTM, KUCNNTransformer)


def build(kind, **settings):
    torch.manual_seed(0)
    return kind(kind.Config(width=2, **settings)).eval()


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_trunk_is_five_convolutions_of_kernel_15():
    """12 -> 32 -> 32 -> 64 -> 64 -> 64 channels."""
    channels = (12, 32, 32, 64, 64, 64)
    by_hand = sum(i * o * 15 + 2 * o for i, o in itertools.pairwise(channels))
    encoder = KUCNN(KUConfig())
    assert parameters(encoder.trunk) == by_hand == 175_232
    assert parameters(encoder.output) == 64 * 37 * 256 + 256
    assert encoder.feature_map(torch.zeros(1, 12, 5000)).shape == (1, 64, 40)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("embedding_dim", [1, 7, 64, 66])
def test_every_embedding_size_works(kind, embedding_dim):
    encoder = build(kind, embedding_dim=embedding_dim)
    assert encoder.feature_dim == embedding_dim
    assert encoder(torch.randn(2, 12, 300)).shape == (2, embedding_dim)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_only_in_training(kind):
    encoder, signal = build(kind, embedding_dim=16), torch.randn(4, 12, 500)
    assert torch.equal(encoder(signal), encoder(signal))
    encoder.train()
    assert not torch.equal(encoder(signal), encoder(signal))


def test_the_cnn_knows_when_something_happened():
    encoder = build(KUCNN)
    features = encoder.feature_map(torch.randn(1, 12, 1000))
    assert (encoder.pool(features) - encoder.pool(features.flip(-1))).abs().max() > 1e-3


def test_both_directions_of_the_lstm_are_read_where_they_have_seen_everything():
    encoder = build(KUCNNLSTM, embedding_dim=6)
    steps = encoder.layer_maps(torch.randn(2, 12, 1000))[-2].transpose(1, 2)
    _, (hidden, _) = encoder.lstm(steps)
    by_torch = torch.cat([hidden[-2], hidden[-1]], dim=1)
    features = encoder.lstm(steps)[0].transpose(1, 2)
    torch.testing.assert_close(encoder.final_states(features), by_torch)


def test_attention_equals_a_slow_loop():
    encoder = build(KUCNNAttentionLSTM, embedding_dim=6)
    features = torch.randn(2, 6, 5)
    for record, query, weights in zip(
        features, encoder.final_states(features), encoder.attention(features), strict=True
    ):
        scores = [encoder.score(torch.tanh(encoder.energy(torch.cat([query, step])))).exp() for step in record.T]
        torch.testing.assert_close(weights, torch.cat(scores) / sum(scores))
        context = sum(weight * step for weight, step in zip(weights, record.T, strict=True))
        torch.testing.assert_close(encoder.pool(record[None])[0], encoder.output(context))


def test_spectrum_equals_a_slow_transform():
    signal = torch.randn(1, 2, 31)
    n = np.arange(31)
    by_hand = [abs((signal[0].numpy() * np.exp(-2j * np.pi * k * n / 31)).sum(axis=1)) / np.sqrt(31) for k in range(15)]
    torch.testing.assert_close(spectrum(signal)[0], torch.tensor(np.stack(by_hand, axis=1), dtype=torch.float32))
    assert spectrum(torch.zeros(1, 12, 5000)).shape == (1, 12, 2500)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_frequency_domain_a_shift_around_the_record_changes_nothing(kind):
    torch.manual_seed(0)
    signal = torch.randn(2, 12, 640)
    change = {
        domain: (encoder(signal.roll(100, dims=-1)) - encoder(signal)).abs().max().item()
        for domain, encoder in ((domain, build(kind, embedding_dim=8, domain=domain)) for domain in get_args(Domain))
    }
    assert 100 * change["frequency"] < change["time"]


@pytest.mark.parametrize("values", [{"embedding_dim": 0}, {"dropout": 0.6}, {"domain": "wavelet"}, {"n_layers": 0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        KUCNNTransformer.Config.from_dict(values)


def test_zero_heads_are_refused_and_too_many_are_reduced():
    with pytest.raises(InputError, match="n_heads"):
        KUCNNTransformer.Config(n_heads=0)
    encoder = build(KUCNNTransformer, embedding_dim=6, n_heads=4)
    assert encoder.transformer.layers[0].self_attn.num_heads == 2
