from __future__ import annotations

import pytest
import torch

from ssrl_ecg.models import ENCODERS, KUCNNLSTM, ECGEncoder1DCNN, Encoder, ResNet1D, ViT1D
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.training.layer_rates import layer_rates, parameters_by_layer


def names_by_layer(encoder: Encoder) -> list[set[str]]:
    name_of = {parameter: name for name, parameter in encoder.named_parameters()}
    return [{name_of[parameter] for parameter in layer} for layer in parameters_by_layer(encoder)]


def test_layers_of_a_residual_network_are_its_stem_and_stages():
    layers = names_by_layer(ResNet1D(ResNet1D.Config(width=4)))
    assert [{name.split(".")[0] for name in layer} for layer in layers] == [{"stem"}, *[{"stages"}] * 4]
    assert [{name.split(".")[1] for name in layer} for layer in layers[1:]] == [{"0"}, {"1"}, {"2"}, {"3"}]


def test_blocks_of_a_transformer_come_after_its_embedding_and_readouts_go_with_the_last_layer():
    layers = names_by_layer(ViT1D(ViT1D.Config()))
    assert "embedding.weight" in layers[0]
    for number, layer in enumerate(layers):
        assert {name.split(".")[1] for name in layer if name.startswith("blocks.")} == {str(number)}
    recurrent = names_by_layer(KUCNNLSTM(KUCNNLSTM.Config()))
    assert any(name.startswith("lstm.") for name in recurrent[-1])
    assert any(name.startswith("output.") for name in recurrent[-1])  # only the vector depends on it


@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_has_one_layer_and_nothing_else_changes(name):
    kind = ENCODERS[name]
    encoder = kind(kind.Config()).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    found = [parameter for layer in parameters_by_layer(encoder) for parameter in layer]
    assert len(found) == len(set(found)) == len(list(encoder.parameters()))
    assert encoder.training
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_rates_decay_towards_the_input():
    encoder = ECGEncoder1DCNN(CNNConfig(width=4))
    rates = [rate for _, rate in layer_rates(encoder, 0.5, 0.8)]
    assert rates == pytest.approx([0.5 * 0.8**2, 0.5 * 0.8, 0.5])
    assert layer_rates(encoder, 0.5, 1.0) == [(encoder, 0.5)]
    encoder.stages[:6].requires_grad_(requires_grad=False)  # two convolutions, each with norm and ReLU
    moving = [list(module.parameters()) for module, _ in layer_rates(encoder, 1.0, 0.8)]
    assert moving[0] == []
