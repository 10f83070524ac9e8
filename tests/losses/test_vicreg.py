from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import vicreg_terms


def test_terms_equal_slow_loops(generator):
    a, b = torch.randn(6, 4, generator=generator), 0.3 * torch.randn(6, 4, generator=generator) + 1
    terms = vicreg_terms(a, b, target_sd=1.2, epsilon=1e-3)
    invariance = variance = covariance = 0.0
    for i in range(6):
        invariance += sum(float(a[i, d] - b[i, d]) ** 2 for d in range(4)) / 24
    for z in (a.double().numpy(), b.double().numpy()):
        for d in range(4):
            variance += max(0.0, 1.2 - np.sqrt(np.var(z[:, d], ddof=1) + 1e-3)) / 4
            for e in range(4):
                if d != e:
                    products = (z[:, d] - z[:, d].mean()) * (z[:, e] - z[:, e].mean())
                    covariance += (products.sum() / 5) ** 2 / 4
    np.testing.assert_allclose([float(term) for term in terms], [invariance, variance, covariance], rtol=1e-5)


def test_nothing_is_missing_when_dimensions_are_independent_and_wide():
    wide = 4 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert [float(term) for term in vicreg_terms(wide, wide)] == pytest.approx([0.0, 0.0, 0.0], abs=1e-4)


def test_collapse_costs_the_whole_standard_deviation_of_both_views():
    same = torch.ones(5, 3, requires_grad=True)
    terms = vicreg_terms(same, same)
    assert terms.variance.item() == pytest.approx(2 * (1 - 0.01))
    terms.variance.backward()
    assert same.grad.isfinite().all()


@pytest.mark.parametrize("dim", [1, 3])
def test_float32_under_autocast(dim, generator):
    z = torch.randn(4, dim, generator=generator).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = vicreg_terms(z, -z)
    assert all(term.dtype == torch.float32 and term.shape == () for term in terms)


def test_refuses_different_shapes():
    with pytest.raises(InputError, match="one shape"):
        vicreg_terms(torch.eye(2), torch.eye(3))
