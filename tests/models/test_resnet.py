from __future__ import annotations

import pytest
import torch

from ssrl_ecg.models import ResNet1D, ResNetConfig


@pytest.mark.parametrize(("width", "millions"), [(16, 0.24), (32, 0.97), (64, 3.85)])
def test_parameters_of_the_family(width, millions):
    encoder = ResNet1D(ResNetConfig(width=width))
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)
    assert encoder.feature_dim == 8 * width


def test_eighteen_weighted_layers_but_the_classifier():
    convolutions = [m for m in ResNet1D(ResNetConfig(width=4)).modules() if isinstance(m, torch.nn.Conv1d)]
    assert len([m for m in convolutions if m.kernel_size != (1,)]) == 17
    assert len([m for m in convolutions if m.kernel_size == (1,)]) == 3


@pytest.mark.parametrize(("length", "steps"), [(32, 1), (250, 8), (1000, 32), (1001, 32)])
def test_time_is_divided_by_32(length, steps):
    assert ResNet1D(ResNetConfig(width=2)).eval().feature_map(torch.randn(1, 12, length)).shape == (1, 16, steps)


def test_an_untrained_net_keeps_the_scale_of_its_features():
    torch.manual_seed(0)
    features = ResNet1D(ResNetConfig(width=16)).eval().feature_map(torch.randn(8, 12, 500))
    assert 0.3 < features.std().item() < 30
