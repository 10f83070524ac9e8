from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import feature_similarity, nt_xent, similarity_regression, soft_contrastive


@pytest.fixture
def z(generator):
    return torch.randn(8, 5, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.fixture
def soft(generator):
    targets = torch.rand(8, 8, generator=generator)
    return (targets + targets.T) / 2


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def slow_soft_contrastive(z, targets, temperature):
    rows = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        scores = {j: math.exp(cosine(z[i], z[j]) / temperature) for j in others}
        total = sum(targets[i][j] for j in others)
        if total:
            rows.append(-sum(targets[i][j] / total * math.log(scores[j] / sum(scores.values())) for j in others))
    return sum(rows) / max(len(rows), 1)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_soft_contrastive_is_the_slow_loop(z, soft, temperature):
    expected = slow_soft_contrastive(z.tolist(), soft.tolist(), temperature)
    assert soft_contrastive(z, soft, temperature).item() == pytest.approx(expected, rel=1e-5)


def test_rows_like_no_other_do_not_count(z, soft):
    soft[3], soft[:, 3] = 0, 0
    soft[3, 3] = 1
    expected = slow_soft_contrastive(z.tolist(), soft.tolist(), 0.5)
    value = soft_contrastive(z, soft, 0.5)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    value.backward()
    assert z.grad.isfinite().all()
    assert soft_contrastive(z, torch.eye(8), 0.5).item() == 0


def test_the_other_view_as_only_target_is_nt_xent(z):
    targets = torch.eye(4).repeat(2, 2)
    expected = nt_xent(z[:4], z[4:], 0.3)
    value = soft_contrastive(z, targets, 0.3)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (value, expected)))


def test_classes_as_targets_are_the_supervised_contrastive_loss(z):
    classes = [0, 1, 0, 2, 2, 0, 1, 2]
    targets = torch.tensor([[float(a == b) for b in classes] for a in classes])
    rows = []
    for i in range(8):
        logits = {j: cosine(z[i].tolist(), z[j].tolist()) / 0.2 for j in range(8) if j != i}
        log_total = math.log(sum(map(math.exp, logits.values())))
        positives = [j for j in logits if classes[j] == classes[i]]
        rows.append(-sum(logits[j] - log_total for j in positives) / len(positives))
    assert soft_contrastive(z, targets, 0.2).item() == pytest.approx(sum(rows) / 8, rel=1e-5)


def test_the_entropy_of_the_targets_is_the_lowest_value(generator):
    """Two far clusters whose members are equally alike: every row's shares are met exactly."""
    z = torch.tensor([[1.0, 0.0]] * 3 + [[-1.0, 0.0]] * 3)
    targets = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3))
    assert soft_contrastive(z, targets, 0.05).item() == pytest.approx(math.log(2), abs=1e-6)
    assert soft_contrastive(torch.randn(6, 2, generator=generator), targets, 0.05).item() > math.log(2)


def test_similarity_regression_is_the_slow_loop(z, soft):
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    rows = z.tolist()
    squares = [((cosine(rows[i], rows[j]) - (2 * float(soft[i, j]) - 1)) / 0.4) ** 2 / 2 for i, j in pairs]
    assert similarity_regression(z, soft, 0.4).item() == pytest.approx(sum(squares) / len(pairs), rel=1e-5)


def test_cosines_that_are_the_targets_leave_nothing_to_regress():
    turns = torch.tensor([0.1, 1.0, 2.5])
    z = torch.stack([turns.cos(), turns.sin()], dim=1)
    targets = (1 + torch.cos(turns[:, None] - turns)) / 2
    assert similarity_regression(z, targets, 0.1).item() == pytest.approx(0, abs=1e-9)


def test_feature_similarity_is_the_slow_loop(generator):
    features = torch.randn(7, 4, generator=generator)
    features[0, 1] = features[2, 3] = features[5] = float("nan")
    found = feature_similarity(features, 20).numpy()
    for i, a in enumerate(features.double().numpy()):
        for j, b in enumerate(features.double().numpy()):
            distances = (a - b)[np.isfinite(a - b)] ** 2
            expected = math.exp(-distances.mean() / 100) ** 20 if len(distances) else 0
            assert found[i, j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("loss", [soft_contrastive, similarity_regression])
def test_the_order_of_rows_and_their_scale_do_not_matter(loss, z, soft, generator):
    order = torch.randperm(8, generator=generator)
    scale = torch.rand(8, 1, generator=generator, dtype=torch.float64) + 0.5
    again = loss((scale * z)[order], soft[order][:, order], 0.3)
    torch.testing.assert_close(again, loss(z, soft, 0.3))


@pytest.mark.parametrize("loss", [soft_contrastive, similarity_regression])
def test_no_row_at_all_is_no_loss(loss):
    z = torch.zeros(0, 3, requires_grad=True)
    value = loss(z, torch.zeros(0, 0), 0.1)
    value.backward()
    assert value.item() == 0


@pytest.mark.parametrize("loss", [soft_contrastive, similarity_regression])
def test_impossible_input_is_refused(loss, z, soft):
    with pytest.raises(InputError, match="temperature"):
        loss(z, soft, 0.0)
    with pytest.raises(InputError, match="every other"):
        loss(z, soft[:3], 0.1)
