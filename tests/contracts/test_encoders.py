"""What every encoder in the table must do."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

import pytest
import torch

import ssrl_ecg.models
from ssrl_ecg.models import ENCODERS, HEADS, Encoder, Head

WIDTH: dict[str, int] = {"vit-s": 12}
"""Where 4 channels are not enough: six heads."""


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    kind = ENCODERS[request.param]
    encoder = kind(kind.Config(width=WIDTH.get(request.param, 4)))
    for _ in range(2):  # running statistics that are not their initial 0 and 1
        encoder(torch.randn(16, 12, 128))
    return encoder.eval()


def _concrete(base):
    found = set()
    for module in pkgutil.iter_modules(ssrl_ecg.models.__path__, "ssrl_ecg.models."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, base) and not inspect.isabstract(kind):
                found.add(kind)
    return found


@pytest.mark.parametrize(("table", "base"), [(ENCODERS, Encoder), (HEADS, Head)], ids=["encoders", "heads"])
def test_table_is_complete_and_sorted(table, base):
    assert set(table.values()) == _concrete(base)
    assert list(table) == sorted(table)


@pytest.mark.parametrize("length", [64, 127, 250, 1000])
def test_shapes_at_several_lengths(encoder, length):
    signal = torch.randn(3, 12, length)
    features = encoder.feature_map(signal)
    assert features.shape[:2] == (3, encoder.map_dim)
    assert 1 <= features.shape[2] <= length
    assert encoder(signal).shape == (3, encoder.feature_dim)
    assert all(torch.isfinite(values).all() for values in (features, encoder(signal)))


def test_layers_end_in_the_feature_vector(encoder):
    signal = torch.randn(3, 12, 250)
    layers = encoder.layer_features(signal)
    assert layers.shape == (3, encoder.layer_feature_dim)
    assert [layer.shape[1] for layer in encoder.layer_maps(signal)] == list(encoder.layer_dims)
    assert torch.equal(encoder.pool(encoder.feature_map(signal)), encoder(signal))
    assert torch.equal(layers[:, -encoder.feature_dim :], encoder(signal))
    assert len(encoder.layer_dims) > 1


def test_input_is_untouched_and_eval_is_deterministic(encoder):
    signal = torch.randn(3, 12, 128)
    before = signal.clone()
    first = encoder(signal)
    assert torch.equal(encoder(signal), first)
    assert torch.equal(signal, before)


def test_rows_are_independent_in_eval(encoder):
    signal = torch.randn(5, 12, 128)
    together = encoder(signal)
    alone = torch.cat([encoder(row[None]) for row in signal])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_gradient_reaches_every_parameter(encoder):
    encoder.train()
    encoder(torch.randn(4, 12, 500)).square().sum().backward()  # a few steps, for what relates steps to each other
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_rebuilt_from_json_config_and_state(encoder):
    config = type(encoder).Config.from_dict(json.loads(json.dumps(encoder.config.to_dict())))
    copy = type(encoder)(config).eval()
    copy.load_state_dict(encoder.state_dict())
    signal = torch.randn(2, 12, 128)
    assert config == encoder.config
    assert torch.equal(copy(signal), encoder(signal))


def test_the_config_is_frozen_and_keyword_only(encoder):
    with pytest.raises(AttributeError):
        encoder.config.width = 8
    with pytest.raises(TypeError):
        type(encoder).Config(12)


def test_another_number_of_leads(encoder):
    two_leads = type(encoder)(type(encoder).Config(width=encoder.config.width, n_leads=2)).eval()
    assert two_leads(torch.randn(1, 2, 128)).shape == (1, encoder.feature_dim)
