from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent


def slow_nt_xent(z_a: torch.Tensor, z_b: torch.Tensor, temperature: float) -> float:
    """The formula of the paper, one row and one negative at a time, in Python floats."""

    def cosine(u: list[float], v: list[float]) -> float:
        dot = sum(a * b for a, b in zip(u, v, strict=True))
        return dot / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))

    n, rows = len(z_a), z_a.double().tolist() + z_b.double().tolist()
    total = 0.0
    for i in range(2 * n):
        partner = i + n if i < n else i - n
        denominator = sum(math.exp(cosine(rows[i], rows[j]) / temperature) for j in range(2 * n) if j != i)
        total -= math.log(math.exp(cosine(rows[i], rows[partner]) / temperature) / denominator)
    return total / (2 * n)


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
def test_equals_the_paper_row_by_row(n, temperature, generator):
    z_a, z_b = torch.randn(n, 5, generator=generator) * 3, torch.randn(n, 5, generator=generator)
    assert float(nt_xent(z_a, z_b, temperature)) == pytest.approx(slow_nt_xent(z_a, z_b, temperature), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_is_ln_of_the_candidates_when_all_similarities_are_equal(n):
    same = torch.ones(n, 4)
    assert float(nt_xent(same, 2 * same, 0.1)) == pytest.approx(math.log(2 * n - 1), abs=1e-6)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_closed_form_for_aligned_pairs_with_the_rest_orthogonal(temperature):
    n = 6
    value = float(nt_xent(torch.eye(n), 5 * torch.eye(n), temperature))
    expected = -1 / temperature + math.log(math.exp(1 / temperature) + 2 * n - 2)
    assert value == pytest.approx(expected, abs=1e-6)  # a float32 logarithm near 1


def test_same_for_permuted_records_and_swapped_views(generator):
    z_a, z_b = torch.randn(7, 5, generator=generator), torch.randn(7, 5, generator=generator)
    order = torch.randperm(7, generator=generator)
    value = nt_xent(z_a, z_b, 0.2)
    torch.testing.assert_close(nt_xent(z_a[order], z_b[order], 0.2), value)
    torch.testing.assert_close(nt_xent(z_b, z_a, 0.2), value)


def test_pairs_matter(generator):
    z = torch.randn(5, 16, generator=generator)
    assert nt_xent(z, z, 0.1) < nt_xent(z, z.roll(1, dims=0), 0.1)


def test_gradient_equals_finite_differences(generator):
    z_a = torch.randn(3, 4, generator=generator, requires_grad=True)
    z_b = torch.randn(3, 4, generator=generator)
    nt_xent(z_a, z_b, 0.5).backward()
    for row, column in [(0, 0), (2, 3)]:
        step = torch.zeros_like(z_a)
        step[row, column] = 1e-4
        high, low = slow_nt_xent(z_a.detach() + step, z_b, 0.5), slow_nt_xent(z_a.detach() - step, z_b, 0.5)
        assert float(z_a.grad[row, column]) == pytest.approx((high - low) / 2e-4, rel=1e-2, abs=1e-4)


def test_a_single_pair_gives_zero_without_gradient():
    z_a, z_b = torch.randn(1, 4, requires_grad=True), torch.randn(1, 4)
    value = nt_xent(z_a, z_b, 0.1)
    value.backward()
    assert value == 0
    assert torch.count_nonzero(z_a.grad) == 0


def test_float32_under_autocast_and_finite_at_the_smallest_temperature(generator):
    z = torch.randn(8, 16, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = nt_xent(z.bfloat16(), z.bfloat16(), 1e-3)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(InputError, match="temperature"):
        nt_xent(torch.eye(2), torch.eye(2), temperature)


def test_refuses_views_of_different_shape():
    with pytest.raises(InputError, match="one shape"):
        nt_xent(torch.eye(2), torch.eye(3), 0.1)
