from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from ssrl_ecg.losses import sinkhorn, swapped_prediction


@pytest.fixture
def similarities(generator):
    return 2 * torch.rand(8, 4, generator=generator) - 1


def slow_sinkhorn(similarities, epsilon: float, iterations: int) -> np.ndarray:
    """The matrix scaling itself: prototypes to equal shares, then records to one, entry by entry."""
    q = np.exp(similarities.double().numpy() / epsilon)
    n, k = q.shape
    for _ in range(iterations):
        for column in range(k):
            q[:, column] *= n / k / sum(q[row, column] for row in range(n))
        for row in range(n):
            q[row] /= sum(q[row, column] for column in range(k))
    return q


def optimal_assignment(similarities, epsilon: float) -> np.ndarray:
    """The regularised transport problem by its convex dual and a general-purpose optimiser; no scaling iterations."""
    s = similarities.double().numpy() / epsilon
    n, k = s.shape

    def dual(potential):
        log_q = s + potential
        rows = logsumexp(log_q, axis=1, keepdims=True)
        return rows.sum() - potential.sum() * n / k, np.exp(log_q - rows).sum(axis=0) - n / k

    found = minimize(dual, np.zeros(k), jac=True, method="BFGS", options={"gtol": 1e-10})
    log_q = s + found.x
    return np.exp(log_q - logsumexp(log_q, axis=1, keepdims=True))


@pytest.mark.parametrize("iterations", [1, 3, 10])
@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_iterations_equal_a_slow_loop(similarities, epsilon, iterations):
    expected = slow_sinkhorn(similarities, epsilon, iterations)
    np.testing.assert_allclose(sinkhorn(similarities, epsilon, iterations), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_converges_to_the_solution_of_a_general_solver(similarities, epsilon):
    found = sinkhorn(similarities, epsilon, 1000)
    np.testing.assert_allclose(found, optimal_assignment(similarities, epsilon), atol=2e-4)
    np.testing.assert_allclose(found.sum(dim=0), 2.0, rtol=1e-4)
    np.testing.assert_allclose(found.sum(dim=1), 1.0, rtol=1e-5)


def test_three_iterations_are_near_the_solution_at_the_size_they_are_used_at(generator):
    z, prototypes = (torch.nn.functional.normalize(torch.randn(n, 128, generator=generator), dim=1) for n in (128, 50))
    similarities = z @ prototypes.T
    found, solved = sinkhorn(similarities, 0.05, 3), optimal_assignment(similarities, 0.05)
    assert np.abs(found.numpy() - solved).sum() / 2 < 0.02 * 128
    assert found.sum(dim=0).sub(128 / 50).abs().max() < 0.1 * 128 / 50


def test_nearly_hard_at_a_small_epsilon_and_no_overflow():
    found = sinkhorn(torch.eye(4).repeat(2, 1), 1e-3, 3)
    torch.testing.assert_close(found, torch.eye(4).repeat(2, 1))


def test_no_prototype_is_left_out_even_if_all_records_prefer_one():
    similarities = torch.zeros(6, 3)
    similarities[:, 0] = 1
    torch.testing.assert_close(sinkhorn(similarities, 0.05, 3), torch.full((6, 3), 1 / 3))


def test_prediction_equals_a_slow_loop(generator):
    similarities = torch.randn(3, 4, 5, generator=generator)
    assignments = torch.rand(2, 4, 5, generator=generator).softmax(dim=-1)
    total, pairs = 0.0, 0
    for assigned in range(2):
        for predicting in range(3):
            if assigned == predicting:
                continue
            pairs += 1
            for record in range(4):
                scores = similarities[predicting, record].double().numpy() / 0.3
                log_p = scores - logsumexp(scores)
                total -= sum(float(assignments[assigned, record, k]) * log_p[k] for k in range(5)) / 4
    assert float(swapped_prediction(similarities, assignments, 0.3)) == pytest.approx(total / pairs, rel=1e-5)


def test_prediction_is_ln_of_the_prototypes_when_all_similarities_are_equal():
    assignments = torch.eye(4)[None].repeat(2, 1, 1)
    assert float(swapped_prediction(torch.ones(2, 4, 4), assignments, 0.1)) == pytest.approx(math.log(4), rel=1e-6)


def test_no_gradient_through_the_assignment(similarities):
    assert not sinkhorn(similarities.requires_grad_(), 0.05, 3).requires_grad
