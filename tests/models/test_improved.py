from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import BinaryECGClassifier, ImprovedECGClassifier, ImprovedECGConfig, ImprovedECGEncoder


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_size():
    convolutions = [(12, 64, 15), (64, 64, 11), (64, 64, 7), (64, 128, 7), (128, 128, 5), (128, 128, 5)]
    convolutions += [(128, 256, 5), (256, 256, 3), (256, 256, 3)]
    by_hand = sum(i * o * k + 2 * o for i, o, k in convolutions)
    encoder = ImprovedECGEncoder(ImprovedECGConfig())
    assert count(encoder) == by_hand == 866_176
    head = (512 * 256 + 256) + 2 * 256 + (256 * 5 + 5)
    assert count(ImprovedECGClassifier(encoder)) == by_hand + head
    assert count(BinaryECGClassifier(encoder)) == by_hand + head - 4 * (256 + 1)


def test_a_block_adds_its_input_only_where_the_shape_is_unchanged():
    encoder = ImprovedECGEncoder(ImprovedECGConfig(width=2)).eval()
    blocks = [block for stage in encoder.stages for block in stage]
    assert [block.adds for block in blocks] == [False, False, True, False, True, True, False, True, True]
    assert [block.layers[0].stride for block in blocks] == [(1,), (2,), (1,), (2,), (1,), (1,), (2,), (1,), (1,)]
    features = torch.randn(1, 2, 30)
    torch.testing.assert_close(blocks[2](features), blocks[2].layers(features) + features)


def test_dropout_only_in_training():
    encoder = ImprovedECGEncoder(ImprovedECGConfig(width=4, dropout=0.5))
    signal = torch.randn(4, 12, 100)
    assert not torch.equal(encoder(signal), encoder(signal))
    encoder.eval()
    assert torch.equal(encoder(signal), encoder(signal))


def test_classifiers_read_average_and_maximum_of_the_map():
    encoder = ImprovedECGEncoder(ImprovedECGConfig(width=2))
    classifier = ImprovedECGClassifier(encoder, n_classes=3).eval()
    signal = torch.randn(4, 12, 100)
    features = encoder.feature_map(signal)
    joined = torch.cat([features.sum(dim=2) / features.shape[2], features.sort(dim=2).values[..., -1]], dim=1)
    torch.testing.assert_close(classifier(signal), classifier.head.layers(joined))
    assert classifier(signal).shape == (4, 3)
    assert BinaryECGClassifier(encoder)(signal).shape == (4, 1)


def test_dropout_out_of_range_is_refused():
    with pytest.raises(InputError, match="dropout"):
        ImprovedECGConfig(dropout=2)
    with pytest.raises(InputError, match="dropout"):
        ImprovedECGClassifier(ImprovedECGEncoder(ImprovedECGConfig(width=2)), dropout=-1)
