from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.losses import huber_known

NAN = float("nan")


def slow(prediction, target):
    values = []
    for predicted, wanted in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
        if not math.isnan(wanted):
            error = abs(predicted - wanted)
            values.append(error**2 / 2 if error <= 1 else error - 0.5)
    return sum(values) / len(values)


def test_a_slow_loop_over_the_known_values(generator):
    prediction, target = 3 * torch.randn(6, 5, generator=generator), torch.randn(6, 5, generator=generator)
    target[1, 2] = target[4] = NAN
    assert huber_known(prediction, target).item() == pytest.approx(slow(prediction, target), rel=1e-6)


def test_unknown_values_have_no_gradient_and_known_ones_a_bounded_one():
    prediction = torch.tensor([[100.0, 5.0], [0.5, -2.0]], requires_grad=True)
    huber_known(prediction, torch.tensor([[0.0, NAN], [0.0, 0.0]])).backward()
    torch.testing.assert_close(prediction.grad, torch.tensor([[1.0, 0.0], [0.5, -1.0]]) / 3)


def test_nothing_known_is_zero_without_gradient():
    prediction = torch.ones(2, 3, requires_grad=True)
    loss = huber_known(prediction, torch.full((2, 3), NAN))
    loss.backward()
    assert loss.item() == 0
    assert not prediction.grad.any()


def test_bfloat16_predictions_are_compared_in_float32():
    assert huber_known(torch.ones(1, 1, dtype=torch.bfloat16), torch.zeros(1, 1)).dtype == torch.float32
