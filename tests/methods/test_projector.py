from __future__ import annotations

import torch
from torch import nn

from ssrl_ecg.methods.projector import mlp


def test_layers_of_a_normalised_and_a_plain_projector():
    kinds = [type(layer) for layer in mlp(5, 7, 3, layers=3)]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in mlp(5, 7, 3, batch_norm=False)] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in mlp(5, 7, 3, layers=1)] == [nn.Linear]


def test_sizes_and_which_biases_would_be_idle():
    normalised = [layer for layer in mlp(5, 7, 3, layers=3) if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in normalised] == [(7, 5), (7, 7), (3, 7)]
    assert [layer.bias is None for layer in normalised] == [True, True, False]
    assert mlp(5, 7, 3, layers=3, last_bias=False)[-1].bias is None
    plain = mlp(5, 7, 3, batch_norm=False)
    assert plain[0].bias is not None
    assert plain(torch.randn(4, 5)).shape == (4, 3)
