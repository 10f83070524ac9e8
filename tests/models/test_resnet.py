from __future__ import annotations

import pytest
import torch

from ssrl_ecg.models import MultiScaleResNet1D, ResNet1D, ResNet1D34, ResNet1D50, ResNet1D101, ResNetConfig


@pytest.mark.parametrize(("width", "millions"), [(16, 0.24), (32, 0.97), (64, 3.85)])
def test_parameters_of_the_family(width, millions):
    encoder = ResNet1D(ResNetConfig(width=width))
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)
    assert encoder.feature_dim == 8 * width


def test_eighteen_weighted_layers_but_the_classifier():
    convolutions = [m for m in ResNet1D(ResNetConfig(width=4)).modules() if isinstance(m, torch.nn.Conv1d)]
    assert len([m for m in convolutions if m.kernel_size != (1,)]) == 17
    assert len([m for m in convolutions if m.kernel_size == (1,)]) == 3


def conv_bn(channels_in: int, channels_out: int, kernel: int) -> int:
    return channels_in * channels_out * kernel + 2 * channels_out


STEM = conv_bn(12, 64, 7)


def basic(channels_in: int, width: int) -> int:
    project = conv_bn(channels_in, width, 1) if channels_in != width else 0
    return conv_bn(channels_in, width, 3) + conv_bn(width, width, 3) + project


def bottleneck(channels_in: int, width: int) -> int:
    project = conv_bn(channels_in, 4 * width, 1) if channels_in != 4 * width else 0
    return conv_bn(channels_in, width, 1) + conv_bn(width, width, 3) + conv_bn(width, 4 * width, 1) + project


def test_parameters_follow_from_the_table_of_he_et_al():
    """Their table 1 in one dimension: width 64, blocks 2-2-2-2, 3-4-6-3 and 3-4-23-3, without the classifier."""
    firsts = basic(64, 64) + basic(64, 128) + basic(128, 256) + basic(256, 512)
    by_hand = {
        ResNet1D: STEM + firsts + sum(basic(w, w) for w in (64, 128, 256, 512)),
        ResNet1D34: STEM + firsts + 2 * basic(64, 64) + 3 * basic(128, 128) + 5 * basic(256, 256) + 2 * basic(512, 512),
    }
    firsts = bottleneck(64, 64) + bottleneck(256, 128) + bottleneck(512, 256) + bottleneck(1024, 512)
    by_hand[ResNet1D50] = STEM + firsts
    by_hand[ResNet1D50] += 2 * bottleneck(256, 64) + 3 * bottleneck(512, 128)
    by_hand[ResNet1D50] += 5 * bottleneck(1024, 256) + 2 * bottleneck(2048, 512)
    by_hand[ResNet1D101] = by_hand[ResNet1D50] + 17 * bottleneck(1024, 256)
    for kind, total in by_hand.items():
        assert count(kind(ResNetConfig(width=64))) == total


def test_the_deep_ones_have_four_times_the_features():
    assert ResNet1D34(ResNetConfig(width=2)).feature_dim == 16
    assert ResNet1D50(ResNetConfig(width=2)).feature_dim == ResNet1D101(ResNetConfig(width=2)).feature_dim == 64


def test_three_scales_look_side_by_side_in_front_of_the_stages():
    encoder = MultiScaleResNet1D(ResNetConfig(width=4)).eval()
    scales, signal = encoder.stem[0], torch.randn(2, 12, 200)
    assert [scale[0].kernel_size for scale in scales] == [(5,), (15,), (31,)]
    alone = [scale(signal) for scale in scales]
    assert [scale.shape for scale in alone] == [(2, 4, 100)] * 3
    torch.testing.assert_close(scales(signal), torch.cat(alone, dim=1))
    assert encoder.layer_dims == (12, 4, 8, 16, 32)
    extra = sum(conv_bn(12, 4, k) for k in (5, 15, 31)) - conv_bn(12, 4, 7) + 3 * (12 - 4) * 4 + conv_bn(12, 4, 1)
    assert count(encoder) == count(ResNet1D(ResNetConfig(width=4))) + extra


def count(encoder: torch.nn.Module) -> int:
    return sum(p.numel() for p in encoder.parameters())


@pytest.mark.parametrize(("length", "steps"), [(32, 1), (250, 8), (1000, 32), (1001, 32)])
def test_time_is_divided_by_32(length, steps):
    assert ResNet1D(ResNetConfig(width=2)).eval().feature_map(torch.randn(1, 12, length)).shape == (1, 16, steps)


def test_an_untrained_net_keeps_the_scale_of_its_features():
    torch.manual_seed(0)
    features = ResNet1D(ResNetConfig(width=16)).eval().feature_map(torch.randn(8, 12, 500))
    assert 0.3 < features.std().item() < 30
