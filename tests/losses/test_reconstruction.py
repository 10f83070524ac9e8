from __future__ import annotations

import pytest
import torch

from ssrl_ecg.losses import masked_l1, masked_mse


@pytest.mark.parametrize(("loss", "error"), [(masked_mse, lambda e: e * e), (masked_l1, abs)])
def test_mean_over_marked_entries_by_a_slow_loop(loss, error, generator):
    prediction, target = (torch.randn(3, 4, 5, generator=generator) for _ in range(2))
    mask = torch.rand(3, 1, 5, generator=generator) < 0.4
    errors = [
        error(float(prediction[b, c, t]) - float(target[b, c, t]))
        for b in range(3)
        for c in range(4)
        for t in range(5)
        if mask[b, 0, t]
    ]
    assert float(loss(prediction, target, mask)) == pytest.approx(sum(errors) / len(errors), rel=1e-5)


@pytest.mark.parametrize("loss", [masked_mse, masked_l1])
def test_only_marked_entries_have_a_gradient_and_none_is_no_error(loss):
    prediction = torch.ones(2, 3, requires_grad=True)
    mask = torch.tensor([[True, False, False], [False, False, True]])
    loss(prediction, torch.zeros(2, 3), mask).backward()
    assert torch.equal(prediction.grad != 0, mask)
    assert loss(prediction, torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)) == 0


def test_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ones = torch.ones(2, dtype=torch.bfloat16)
        assert masked_mse(ones, ones, ones > 0).dtype == torch.float32
