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
    ClassCounts,
    asymmetric,
    balancing_alpha,
    bce,
    class_balanced_weights,
    clinical_weights,
    cross_entropy,
    focal,
    inverse_frequency_weights,
    positive_weights,
)


@pytest.fixture
def logits(generator):
    return torch.randn(9, 4, generator=generator) * 2


@pytest.fixture
def targets(generator):
    return (torch.rand(9, 4, generator=generator) < 0.4).to(torch.uint8)


COUNTS = torch.tensor([2000, 10, 300, 1])
KNOWN = ClassCounts(("NORM", "MI", "HYP", "CD"), COUNTS, 2500)


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


def test_focal_with_an_alpha_per_class_is_each_class_with_its_own(logits, targets):
    alphas = [0.1, 0.5, 0.9, 1.0]
    expected = np.mean([slow_focal(logits[:, c], targets[:, c], alphas[c], 2.0) for c in range(4)])
    assert float(focal(logits, targets, torch.tensor(alphas))) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="alpha"):
        focal(logits, targets, torch.tensor([0.5, 0.5, 1.1, 0.5]))


def slow_asymmetric(logits, targets, gamma_positive, gamma_negative, margin):
    total = 0.0
    for x, y in zip(logits.double().flatten().tolist(), targets.flatten().tolist(), strict=True):
        p, p_m = expit(x), max(expit(x) - margin, 0.0)
        total -= (1 - p) ** gamma_positive * math.log(p) if y else p_m**gamma_negative * math.log(1 - p_m)
    return total / logits.numel()


@pytest.mark.parametrize("gammas", [(0.0, 4.0), (1.0, 2.0), (0.0, 0.0)])
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.3])
def test_asymmetric_equals_the_paper_element_by_element(logits, targets, gammas, margin):
    expected = slow_asymmetric(logits, targets, *gammas, margin)
    assert float(asymmetric(logits, targets, *gammas, margin)) == pytest.approx(expected, rel=1e-5)


def test_asymmetric_without_asymmetry_is_focal(logits, targets):
    torch.testing.assert_close(asymmetric(logits, targets, 2.0, 2.0, 0.0), focal(logits, targets, None, 2.0))


def test_asymmetric_drops_easy_negatives_and_is_finite_at_saturated_logits():
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0, -4.0]], requires_grad=True)
    value = asymmetric(logits, torch.tensor([[1, 0, 0, 1, 0]]))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 4] == 0


@pytest.mark.parametrize("values", [{"gamma_positive": 0.5}, {"gamma_negative": -1.0}, {"margin": 1.0}])
def test_asymmetric_refuses_parameters_out_of_range(logits, targets, values):
    with pytest.raises(InputError, match=next(iter(values))):
        asymmetric(logits, targets, **values)


def test_positive_weights_equal_sklearn_with_weighted_samples(logits, targets):
    weights = torch.tensor([0.5, 2.0, 7.0, 1.0])
    total = 0.0
    for c in range(4):
        truth, sample_weight = targets[:, c].numpy(), np.where(targets[:, c] == 1, float(weights[c]), 1.0)
        p = expit(logits[:, c].double().numpy())
        total += log_loss(truth, p, labels=[0, 1], sample_weight=sample_weight, normalize=False)
    assert float(bce(logits, targets, positive_weights=weights)) == pytest.approx(total / logits.numel(), rel=1e-5)


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


def test_clinical_weights_by_hand():
    raw = [importance / n for importance, n in zip([1.0, 3.0, 2.5, 3.5], COUNTS.tolist(), strict=True)]
    np.testing.assert_allclose(clinical_weights(KNOWN), [w / (sum(raw) / 4) for w in raw], rtol=1e-6)


def test_clinical_weights_of_an_absent_class_and_of_classes_unknown_to_them():
    weights = clinical_weights(ClassCounts(("MI", "CD", "HYP"), torch.tensor([30, 0, 25]), 100))
    np.testing.assert_allclose(weights, [1.0, 1.0, 1.0], rtol=1e-6)
    with pytest.raises(InputError, match="AFIB"):
        clinical_weights(ClassCounts(("MI", "AFIB"), torch.tensor([3, 4]), 10))


def test_positive_weights_and_alpha_make_positives_weigh_as_much_as_negatives():
    weights, alpha = positive_weights(KNOWN), balancing_alpha(KNOWN)
    for n, weight, share in zip(COUNTS.tolist(), weights.tolist(), alpha.tolist(), strict=True):
        assert n * weight == pytest.approx(2500 - n)
        assert n * share == pytest.approx((2500 - n) * (1 - share), rel=1e-4)
        assert share == pytest.approx(1 - n / 2500, rel=1e-5)


def test_one_sided_classes_are_left_as_they_are():
    counts = ClassCounts(("a", "b", "c"), torch.tensor([0, 8, 2]), 8)
    assert positive_weights(counts).tolist() == [1.0, 1.0, 3.0]
    assert balancing_alpha(counts).tolist() == [0.5, 0.5, 0.75]


@pytest.mark.parametrize("positives", [[-1, 2], [3, 11], [1, 2, 3]])
def test_impossible_counts_are_refused(positives):
    with pytest.raises(InputError, match="positives"):
        ClassCounts(("a", "b"), torch.tensor(positives), 10)


def test_refuses_counts_and_beta_out_of_range():
    with pytest.raises(InputError, match="negative"):
        inverse_frequency_weights(torch.tensor([3, -1]))
    with pytest.raises(InputError, match="beta"):
        class_balanced_weights(COUNTS, beta=1.0)


def test_table_names_what_it_computes(logits, targets):
    expected = {
        "asymmetric": asymmetric(logits, targets),
        "bce": bce(logits, targets),
        "class_balanced": bce(logits, targets, class_balanced_weights(COUNTS)),
        "clinical": bce(logits, targets, clinical_weights(KNOWN)),
        "focal": focal(logits, targets),
        "focal_per_class": focal(logits, targets, balancing_alpha(KNOWN)),
        "positive_weighted": bce(logits, targets, positive_weights=positive_weights(KNOWN)),
        "weighted": bce(logits, targets, inverse_frequency_weights(COUNTS)),
    }
    assert list(CLASSIFICATION_LOSSES) == sorted(expected)
    for name, make in CLASSIFICATION_LOSSES.items():
        torch.testing.assert_close(make(KNOWN)(logits, targets), expected[name])


@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
def test_binary_task_with_one_logit_in_bfloat16(name, generator):
    logits = torch.randn(5, 1, generator=generator).bfloat16().requires_grad_()
    loss = CLASSIFICATION_LOSSES[name](ClassCounts(("MI",), torch.tensor([2]), 5))
    value = loss(logits, torch.tensor([[1], [0], [1], [0], [0]]))
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(logits.grad).all()
