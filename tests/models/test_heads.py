from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import (
    HEADS,
    AttentionPoolHead,
    AttentionPoolHeadConfig,
    LinearHead,
    LinearHeadConfig,
    MLPHead,
    MLPHeadConfig,
)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("n_outputs", [1, 5])
def test_every_head_gives_one_logit_per_class_and_rebuilds(name, n_outputs):
    kind = HEADS[name]
    head = kind(kind.Config(), feature_dim=6, n_outputs=n_outputs).eval()
    features = torch.randn((3, 6, 4) if kind.reads_map else (3, 6))
    copy = kind(kind.Config.from_dict(head.config.to_dict()), feature_dim=head.feature_dim, n_outputs=head.n_outputs)
    copy.load_state_dict(head.state_dict())
    assert head(features).shape == (3, n_outputs)
    torch.testing.assert_close(copy.eval()(features), head(features))


def test_linear_head_is_affine():
    head = LinearHead(LinearHeadConfig(), feature_dim=4, n_outputs=2)
    weight, bias = head.state_dict().values()
    features = torch.randn(3, 4)
    torch.testing.assert_close(head(features), features @ weight.T + bias)


def test_mlp_head_drops_only_in_training():
    head = MLPHead(MLPHeadConfig(hidden=64, dropout=0.5), feature_dim=4, n_outputs=2)
    features = torch.randn(3, 4)
    assert not torch.equal(head(features), head(features))
    head.eval()
    assert torch.equal(head(features), head(features))


def test_attention_starts_as_average_pooling():
    head = AttentionPoolHead(AttentionPoolHeadConfig(), feature_dim=4, n_outputs=2)
    features = torch.randn(3, 4, 7)
    torch.testing.assert_close(head(features), head.output(features.mean(dim=-1)))


def test_attention_equals_a_slow_loop_and_learns():
    head = AttentionPoolHead(AttentionPoolHeadConfig(), feature_dim=4, n_outputs=2)
    torch.nn.init.normal_(head.query)
    features = torch.randn(3, 4, 7)
    for record, weights in zip(features, head.attention(features), strict=True):
        scores = [math.exp((head.query @ record[:, t]).item() / 2) for t in range(7)]
        torch.testing.assert_close(weights, torch.tensor([s / sum(scores) for s in scores]))
    head(features).sum().backward()
    assert head.query.grad.abs().sum() > 0


def test_sizes_out_of_range_are_refused():
    with pytest.raises(InputError, match="n_outputs"):
        LinearHead(LinearHeadConfig(), feature_dim=4, n_outputs=0)
