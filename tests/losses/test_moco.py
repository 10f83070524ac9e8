from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import queue_contrast


def unit(vector) -> np.ndarray:
    values = vector.double().numpy()
    return values / np.linalg.norm(values)


def test_equals_a_slow_loop_over_queries_and_entries(generator):
    queries, keys, queue = (torch.randn(n, 3, generator=generator) for n in (4, 4, 6))
    own = torch.rand(4, 6, generator=generator) < 0.3
    total = 0.0
    for i in range(4):
        positive = math.exp(unit(queries[i]) @ unit(keys[i]) / 0.2)
        rest = sum(math.exp(unit(queries[i]) @ unit(queue[j]) / 0.2) for j in range(6) if not own[i, j])
        total -= math.log(positive / (positive + rest)) / 4
    assert own.any()
    assert float(queue_contrast(queries, keys, queue, own, 0.2)) == pytest.approx(total, rel=1e-5)


def test_own_entries_are_as_if_they_were_not_there(generator):
    queries, keys, queue = (torch.randn(n, 3, generator=generator) for n in (4, 4, 6))
    own = torch.zeros(4, 6, dtype=torch.bool)
    own[:, 4:] = True
    shorter = queue_contrast(queries, keys, queue[:4], own[:, :4], 0.2)
    torch.testing.assert_close(queue_contrast(queries, keys, queue, own, 0.2), shorter)


def test_ln_of_the_candidates_when_all_are_equal():
    same = torch.ones(2, 3)
    value = queue_contrast(same, 2 * same, torch.ones(7, 3), torch.zeros(2, 7, dtype=torch.bool), 0.1)
    assert float(value) == pytest.approx(math.log(8), rel=1e-6)


def test_a_query_without_negatives_counts_zero_with_finite_gradient():
    queries = torch.randn(2, 3, requires_grad=True)
    value = queue_contrast(queries, torch.randn(2, 3), torch.randn(5, 3), torch.ones(2, 5, dtype=torch.bool), 0.1)
    value.backward()
    assert value == 0
    assert torch.count_nonzero(queries.grad) == 0


def test_float32_under_autocast(generator):
    z = torch.randn(4, 3, generator=generator).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = queue_contrast(z, z, z.float(), torch.eye(4, dtype=torch.bool), 1e-3)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)


def test_refuses_bad_temperatures_and_shapes():
    none = torch.zeros(2, 2, dtype=torch.bool)
    with pytest.raises(InputError, match="temperature"):
        queue_contrast(torch.eye(2), torch.eye(2), torch.eye(2), none, 0.0)
    with pytest.raises(InputError, match="one shape"):
        queue_contrast(torch.eye(2), torch.eye(3), torch.eye(2), none, 0.1)
