from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import barlow_twins_loss


@pytest.mark.parametrize("weight", [0.0, 0.005, 1.0])
def test_equals_numpy_correlations_pair_by_pair(weight, generator):
    a, b = 3 * torch.randn(7, 4, generator=generator) + 2, torch.randn(7, 4, generator=generator)
    expected = 0.0
    for i in range(4):
        for j in range(4):
            c = np.corrcoef(a[:, i].double(), b[:, j].double())[0, 1]
            expected += (1 - c) ** 2 if i == j else weight * c**2
    assert float(barlow_twins_loss(a, b, weight)) == pytest.approx(expected, rel=1e-5)


def test_zero_for_equal_views_with_independent_dimensions():
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert float(barlow_twins_loss(z, 5 * z + 1, 1.0)) == pytest.approx(0.0, abs=1e-10)


def test_constant_dimensions_count_one_each_with_finite_gradient():
    z = torch.ones(5, 3, requires_grad=True)
    value = barlow_twins_loss(z, torch.randn(5, 3), 0.005)
    value.backward()
    assert value.item() == pytest.approx(3.0)
    assert z.grad.isfinite().all()


def test_float32_under_autocast(generator):
    z = torch.randn(4, 3, generator=generator).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert barlow_twins_loss(z, -z, 0.005).dtype == torch.float32


def test_refuses_different_shapes():
    with pytest.raises(InputError, match="one shape"):
        barlow_twins_loss(torch.eye(2), torch.eye(3), 0.005)
