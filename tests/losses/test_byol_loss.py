from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import byol_loss


def test_is_the_squared_distance_of_the_unit_vectors(generator):
    prediction, target = torch.randn(6, 5, generator=generator), torch.randn(6, 5, generator=generator)
    total = 0.0
    for p, t in zip(prediction.double(), target.double(), strict=True):
        total += float(((p / p.norm() - t / t.norm()) ** 2).sum())
    assert float(byol_loss(prediction, target)) == pytest.approx(total / 6, rel=1e-5)


@pytest.mark.parametrize(("factor", "expected"), [(3.0, 0.0), (-0.5, 4.0), (0.0, 2.0)])
def test_aligned_opposite_and_directionless(factor, expected):
    target = torch.tensor([[1.0, 2.0, -1.0]])
    assert float(byol_loss(factor * target, target)) == pytest.approx(expected, abs=1e-6)


def test_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert byol_loss(torch.eye(3).bfloat16(), torch.eye(3).bfloat16()).dtype == torch.float32


def test_refuses_different_shapes():
    with pytest.raises(InputError, match="one shape"):
        byol_loss(torch.eye(2), torch.eye(3))
