from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent, poly_window_loss


def slow_poly_window(z: np.ndarray, temperature: float) -> float:
    """One window, one record and one negative at a time."""
    n_windows, n_records, _ = z.shape
    x = z / np.linalg.norm(z, axis=-1, keepdims=True)
    total = 0.0
    for a in range(n_windows):
        for i in range(n_records):
            q = sum(x[b, i] for b in range(n_windows) if b != a) / (n_windows - 1)
            own = math.exp(q @ x[a, i] / temperature)
            rest = sum(
                math.exp(q @ x[b, j] / temperature) for b in range(n_windows) for j in range(n_records) if j != i
            )
            total -= math.log(own / (own + rest))
    return total / (n_windows * n_records)


@pytest.mark.parametrize(("n_windows", "n_records"), [(2, 2), (3, 5), (5, 3)])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_equals_a_slow_loop(n_windows, n_records, temperature, generator):
    z = 2 * torch.randn(n_windows, n_records, 4, generator=generator)
    expected = slow_poly_window(z.double().numpy(), temperature)
    assert float(poly_window_loss(z, temperature)) == pytest.approx(expected, rel=1e-5)


def test_two_windows_are_simclr(generator):
    z = torch.randn(2, 6, 4, generator=generator)
    torch.testing.assert_close(poly_window_loss(z, 0.3), nt_xent(z[0], z[1], 0.3))


def test_ln_of_the_candidates_when_all_vectors_are_equal():
    assert float(poly_window_loss(torch.ones(3, 4, 5), 0.1)) == pytest.approx(math.log(1 + 3 * 3), rel=1e-6)


def test_windows_of_other_records_are_no_positives(generator):
    z = torch.randn(1, 6, 16, generator=generator).repeat(3, 1, 1)
    mixed = torch.stack([z[0], z[1].roll(1, dims=0), z[2].roll(2, dims=0)])
    assert poly_window_loss(z, 0.1) < poly_window_loss(mixed, 0.1)


def test_float32_under_autocast_and_finite_at_the_smallest_temperature(generator):
    z = torch.randn(3, 8, 16, generator=generator).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = poly_window_loss(z, 1e-3)
    value.backward()
    assert value.dtype == torch.float32
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 1, 3), (4, 3)])
def test_refuses_too_few_windows_or_records(shape):
    with pytest.raises(InputError, match="2 x 2"):
        poly_window_loss(torch.ones(shape), 0.1)


def test_refuses_a_temperature_that_is_not_positive():
    with pytest.raises(InputError, match="temperature"):
        poly_window_loss(torch.ones(2, 2, 2), 0.0)
