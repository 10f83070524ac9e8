from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ssrl_ecg.models import ENCODERS
from ssrl_ecg.training.statistics import take_statistics, training_windows


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    kind = ENCODERS["resnet18"]
    return kind(kind.Config(width=4)).eval()


def test_statistics_are_averages_over_windows_and_no_weight_changes(encoder, store, preprocessing):
    """Of the first layer, against its outputs on whole recordings: windows as long as these, one batch of all."""
    rows, whole = np.arange(len(store)), replace(preprocessing, window_s=2.56)
    before = copy.deepcopy(encoder)
    after = take_statistics(encoder, training_windows(whole, store, rows, seed=3))
    assert after is encoder
    assert not encoder.training
    convolution, norm = next(
        (one, other)
        for one, other in zip(encoder.modules(), list(encoder.modules())[1:], strict=False)
        if isinstance(other, nn.BatchNorm1d)
    )
    windows = whole.normalise(whole.filter(torch.from_numpy(store.read_mv(rows))))
    with torch.no_grad():
        outputs = convolution(windows).transpose(0, 1).flatten(1)
    torch.testing.assert_close(norm.running_mean, outputs.mean(1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, outputs.var(1), atol=1e-5, rtol=1e-4)
    for (name, old), (_, new) in zip(before.named_parameters(), encoder.named_parameters(), strict=True):
        assert torch.equal(old, new), name


def test_the_same_seed_gives_the_same_statistics_and_leaves_the_global_generator_alone(encoder, store, preprocessing):
    rows, again, other = np.arange(len(store)), copy.deepcopy(encoder), copy.deepcopy(encoder)
    state = torch.get_rng_state()
    take_statistics(encoder, training_windows(preprocessing, store, rows, seed=3))
    take_statistics(again, training_windows(preprocessing, store, rows, seed=3))
    take_statistics(other, training_windows(preprocessing, store, rows[:4], seed=3))
    assert torch.equal(torch.get_rng_state(), state)
    first, second, third = (list(one.buffers()) for one in (encoder, again, other))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, third, strict=True))


def test_a_network_without_batch_norm_stays_as_it_is(store, preprocessing):
    torch.manual_seed(0)
    kind = ENCODERS["vit-xs"]
    encoder = kind(kind.Config())
    before = copy.deepcopy(encoder.state_dict())
    take_statistics(encoder, training_windows(preprocessing, store, np.arange(len(store)), seed=3))
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
