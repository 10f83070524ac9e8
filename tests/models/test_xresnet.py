from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import (
    ResNet1DWang,
    WangConfig,
    XResNet1D,
    XResNet1D34,
    XResNet1D50,
    XResNet1D101,
    XResNetConfig,
)


def count(encoder: torch.nn.Module) -> int:
    return sum(p.numel() for p in encoder.parameters())


def test_parameters_follow_from_the_benchmarks_layer_table():
    """12 leads; stem 32, 32, 64 of kernel 5; stages of 64 channels, of kernel 5 or 1-5-1 with 256 around them.

    A convolution has in x out x kernel weights and its batch norm 2 x out; there are no other parameters.
    """
    stem = (12 * 32 * 5 + 2 * 32) + (32 * 32 * 5 + 2 * 32) + (32 * 64 * 5 + 2 * 64)
    assert stem == 17_536
    basic = 2 * (64 * 64 * 5 + 2 * 64)  # every shortcut keeps 64 channels: an average at most, no weights
    assert basic == 41_216
    assert count(XResNet1D(XResNetConfig())) == stem + (2 + 2 + 2 + 2) * basic == 347_264
    assert count(XResNet1D34(XResNetConfig())) == stem + (3 + 4 + 6 + 3) * basic == 676_992

    later = (256 * 64 + 2 * 64) + (64 * 64 * 5 + 2 * 64) + (64 * 256 + 2 * 256)
    first = (64 * 64 + 2 * 64) + (64 * 64 * 5 + 2 * 64) + (64 * 256 + 2 * 256) + (64 * 256 + 2 * 256)
    assert (first, later) == (58_624, 54_016)
    assert count(XResNet1D50(XResNetConfig())) == stem + first + (3 + 4 + 6 + 3 - 1) * later == 886_400
    assert count(XResNet1D101(XResNetConfig())) == stem + first + (3 + 4 + 23 + 3 - 1) * later == 1_804_672


def test_parameters_of_resnet1d_wang_follow_from_its_layer_table():
    """12 leads; kernel 7, then three blocks of kernels 5 and 3 at 128 channels; the two that halve time project."""
    block = (128 * 128 * 5 + 2 * 128) + (128 * 128 * 3 + 2 * 128)
    by_hand = (12 * 128 * 7 + 2 * 128) + 3 * block + 2 * (128 * 128 + 2 * 128)
    assert count(ResNet1DWang(WangConfig())) == by_hand == 439_040


@pytest.mark.parametrize(("kind", "channels"), [(XResNet1D, 64), (XResNet1D34, 64), (XResNet1D50, 256)])
def test_the_vector_is_average_and_maximum_of_the_map(kind, channels):
    encoder = kind(XResNetConfig()).eval()
    signal = torch.randn(2, 12, 250)
    features = encoder.feature_map(signal)
    assert features.shape == (2, channels, 8)
    assert encoder.feature_dim == 2 * channels
    torch.testing.assert_close(encoder(signal)[:, :channels], features.sum(dim=2) / 8)
    assert torch.equal(encoder(signal)[:, channels:], features.sort(dim=2).values[..., -1])


def test_a_shortcut_that_halves_time_averages_pairs_and_keeps_a_last_odd_sample():
    shortcut = XResNet1D(XResNetConfig(width=4)).stages[1][0].shortcut
    features = torch.randn(1, 4, 5)
    pairs = [features[..., 0:2].mean(dim=2), features[..., 2:4].mean(dim=2), features[..., 4]]
    torch.testing.assert_close(shortcut(features), torch.stack(pairs, dim=2))


def test_an_untrained_block_is_more_than_its_shortcut():
    block = XResNet1D(XResNetConfig(width=4)).eval().stages[0][0]
    features = torch.rand(1, 4, 20)
    assert (block(features) - torch.relu(block.shortcut(features))).abs().max() > 0.01


def test_a_width_that_cannot_be_halved_is_refused():
    with pytest.raises(InputError, match="width"):
        XResNetConfig(width=1)
