"""Layer-wise learning rates: what an encoder learned early, and shares with every task, moves least in fine-tuning.

Layer k of n learns at the encoder's rate times decay^(n - 1 - k), the last one at the encoder's rate itself (Clark et
al. 2020, "ELECTRA", and Bao et al. 2022, "BEiT", whose decays are 0.65 to 0.9; the idea is Howard & Ruder's, 2018).
"""

from __future__ import annotations

import torch
from torch import nn

from ssrl_ecg.models.encoder import Encoder


def layer_rates(encoder: Encoder, factor: float, decay: float) -> list[tuple[nn.Module, float]]:
    """Parameters of each layer, first to last, with the factor on their learning rate.

    Args:
        encoder: its parameters that are trained.
        factor: of the last layer.
        decay: ratio of a layer's rate to the next one's, in (0, 1]; 1 keeps the encoder in one piece.
    """
    if decay == 1:
        return [(encoder, factor)]
    layers = parameters_by_layer(encoder)
    return [
        (nn.ParameterList(parameters), factor * decay ** (len(layers) - 1 - number))
        for number, parameters in enumerate(layers)
    ]


def parameters_by_layer(encoder: Encoder) -> list[list[nn.Parameter]]:
    """Trained parameters of each of the encoder's layers, in the encoder's order.

    A parameter belongs to the first layer map that depends on it, as autograd tells, so every encoder has its layers
    without naming them. What only the feature vector depends on belongs to the last layer.
    """
    parameters = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    if not parameters:
        return [[] for _ in encoder.layer_dims]
    was_training, device = encoder.training, parameters[0].device
    # With a gradient of its own, as a layer before which everything is frozen depends on no parameter.
    signal = torch.zeros(1, encoder.config.n_leads, encoder.minimum_samples, device=device, requires_grad=True)
    try:
        encoder.eval()  # batch norm in training would need more than one value
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's RNNs only learn in training
            maps = encoder.layer_maps(signal)
            depends = [torch.autograd.grad(one.sum(), parameters, retain_graph=True, allow_unused=True) for one in maps]
    finally:
        encoder.train(was_training)
    layers: list[list[nn.Parameter]] = [[] for _ in maps]
    for number, parameter in enumerate(parameters):
        first = (layer for layer, found in enumerate(depends) if found[number] is not None)
        layers[next(first, len(maps) - 1)].append(parameter)
    return layers
