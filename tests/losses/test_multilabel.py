from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import (
    CLASSIFICATION_LOSSES,
    bce,
    class_balanced_weights,
    cross_entropy,
    focal,
    inverse_frequency_weights,
)


@pytest.fixture
def logits(generator):
    return torch.randn(9, 4, generator=generator) * 2


@pytest.fixture
def targets(generator):
    return (torch.rand(9, 4, generator=generator) < 0.4).to(torch.uint8)


COUNTS = torch.tensor([2000, 10, 300, 1])


def slow_focal(logits, targets, alpha, gamma):
    total = 0.0
    for x, y in zip(logits.double().flatten().tolist(), targets.flatten().tolist(), strict=True):
        p_t = expit(x) if y else 1 - expit(x)
        alpha_t = 1.0 if alpha is None else (alpha if y else 1 - alpha)
        total -= alpha_t * (1 - p_t) ** gamma * math.log(p_t)
    return total / logits.numel()


def test_bce_equals_sklearn_per_class(logits, targets):
    per_class = [log_loss(targets[:, c].numpy(), expit(logits[:, c].double().numpy()), labels=[0, 1]) for c in range(4)]
    assert float(bce(logits, targets)) == pytest.approx(np.mean(per_class), rel=1e-5)
    weights = torch.tensor([0.5, 2.0, 1.0, 0.0])
    assert float(bce(logits, targets, weights)) == pytest.approx(np.mean(per_class * weights.numpy()), rel=1e-5)


@pytest.mark.parametrize("alpha", [0.25, 0.9, None])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_equals_the_paper_element_by_element(logits, targets, alpha, gamma):
    assert float(focal(logits, targets, alpha, gamma)) == pytest.approx(
        slow_focal(logits, targets, alpha, gamma), rel=1e-5
    )


def test_focal_without_alpha_and_gamma_is_bce(logits, targets):
    torch.testing.assert_close(focal(logits, targets, None, 0.0), bce(logits, targets))


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_is_finite_with_gradient_at_saturated_logits(gamma):
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0]], requires_grad=True)
    value = focal(logits, torch.tensor([[1, 0, 0, 1]]), gamma=gamma)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 0.5), (0.25, -1.0), (1.5, 2.0)])
def test_focal_refuses_parameters_out_of_range(logits, targets, alpha, gamma):
    with pytest.raises(InputError):
        focal(logits, targets, alpha, gamma)


def test_cross_entropy_equals_sklearn(logits):
    truth = np.array([0, 1, 2, 3, 0, 1, 2, 3, 3])
    p = np.exp(logits.double().numpy())
    expected = log_loss(truth, p / p.sum(axis=1, keepdims=True), labels=range(4))
    assert float(cross_entropy(logits, torch.from_numpy(np.eye(4, dtype=np.uint8)[truth]))) == pytest.approx(
        expected, rel=1e-5
    )


def test_inverse_frequency_weights_by_hand():
    raw = [1 / n for n in COUNTS.tolist()]
    expected = [w / (sum(raw) / 4) for w in raw]
    np.testing.assert_allclose(inverse_frequency_weights(COUNTS), expected, rtol=1e-6)


def test_class_balanced_weights_by_hand():
    raw = [(1 - 0.9999) / (1 - 0.9999**n) for n in COUNTS.tolist()]
    expected = [w / (sum(raw) / 4) for w in raw]
    np.testing.assert_allclose(class_balanced_weights(COUNTS), expected, rtol=1e-6)


def test_class_balanced_weights_between_equal_and_inverse_frequency():
    np.testing.assert_allclose(class_balanced_weights(COUNTS, beta=0.0), 1.0)
    np.testing.assert_allclose(
        class_balanced_weights(COUNTS, beta=1 - 1e-10), inverse_frequency_weights(COUNTS), rtol=1e-4
    )


@pytest.mark.parametrize("weigh", [class_balanced_weights, inverse_frequency_weights])
def test_a_class_without_positives_keeps_weight_one_and_moves_no_other(weigh):
    with_empty = weigh(torch.tensor([0, 100, 10]))
    assert with_empty[0] == 1
    torch.testing.assert_close(with_empty[1:], weigh(torch.tensor([100, 10])))
    torch.testing.assert_close(weigh(torch.tensor([0, 0])), torch.ones(2))


def test_refuses_counts_and_beta_out_of_range():
    with pytest.raises(InputError, match="negative"):
        inverse_frequency_weights(torch.tensor([3, -1]))
    with pytest.raises(InputError, match="beta"):
        class_balanced_weights(COUNTS, beta=1.0)


def test_table_names_what_it_computes(logits, targets):
    expected = {
        "bce": bce(logits, targets),
        "class_balanced": bce(logits, targets, class_balanced_weights(COUNTS)),
        "focal": focal(logits, targets),
        "weighted": bce(logits, targets, inverse_frequency_weights(COUNTS)),
    }
    assert list(CLASSIFICATION_LOSSES) == sorted(expected)
    for name, loss in CLASSIFICATION_LOSSES.items():
        torch.testing.assert_close(loss(logits, targets, COUNTS), expected[name])


@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
def test_binary_task_with_one_logit_in_bfloat16(name, generator):
    logits = torch.randn(5, 1, generator=generator).bfloat16().requires_grad_()
    value = CLASSIFICATION_LOSSES[name](logits, torch.tensor([[1], [0], [1], [0], [0]]), torch.tensor([2]))
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(logits.grad).all()
