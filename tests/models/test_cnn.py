from __future__ import annotations

import torch

from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def test_published_size():
    encoder = ECGEncoder1DCNN(CNNConfig())
    kernels = [(12, 64, 11), (64, 64, 7), (64, 128, 7), (128, 128, 5), (128, 256, 5), (256, 256, 3)]
    by_hand = sum(i * o * k + 2 * o for i, o, k in kernels)
    assert sum(p.numel() for p in encoder.parameters()) == by_hand == 538_624
    assert encoder.feature_dim == 256


def test_receptive_field_is_83_samples_and_time_is_divided_by_8():
    encoder = ECGEncoder1DCNN(CNNConfig(width=4)).eval().double()
    for index, module in enumerate(encoder.stages):
        if isinstance(module, torch.nn.ReLU):  # a closed ReLU would hide part of the field
            encoder.stages[index] = torch.nn.Identity()
    signal = torch.randn(1, 12, 400, dtype=torch.float64, requires_grad=True)
    features = encoder.feature_map(signal)
    features[0, :, 25].sum().backward()
    touched = signal.grad[0].abs().sum(dim=0).nonzero().flatten()
    assert features.shape == (1, 16, 50)
    assert int(touched[-1] - touched[0]) + 1 == 83
