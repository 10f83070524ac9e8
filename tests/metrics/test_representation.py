from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.representation import effective_rank, embedding_sd, knn_probe


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_embedding_sd_equals_a_slow_loop(rng):
    z = rng.normal(size=(9, 4)) * 5
    rows = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in z.tolist()]
    sds = []
    for column in zip(*rows, strict=True):
        mean = sum(column) / 9
        sds.append(math.sqrt(sum((value - mean) ** 2 for value in column) / 9))
    assert embedding_sd(z) == pytest.approx(sum(sds) / 4)


def test_embedding_sd_of_collapsed_and_of_spread_embeddings(rng):
    assert embedding_sd(np.outer(rng.uniform(1, 9, size=20), rng.normal(size=8))) == pytest.approx(0, abs=1e-8)
    assert embedding_sd(rng.normal(size=(4000, 64))) == pytest.approx(1 / 8, rel=0.01)
    assert embedding_sd(np.zeros((3, 2))) == 0


def test_effective_rank_closed_forms(rng):
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert effective_rank(7 * rotation) == pytest.approx(6)
    assert effective_rank(np.outer(np.arange(1, 5), np.arange(1, 4))) == pytest.approx(1)
    p = np.array([0.5, 0.3, 0.2])
    assert effective_rank(rotation[:, :3] * p) == pytest.approx(math.exp(-sum(x * math.log(x) for x in p)))


def test_effective_rank_through_the_eigenvalues_of_the_gram_matrix(rng):
    z = rng.normal(size=(30, 5)) @ np.diag([5, 3, 1, 0.5, 0.1])
    s = np.sqrt(np.linalg.eigvalsh(z.T @ z))
    p = s / s.sum()
    assert effective_rank(z) == pytest.approx(np.prod(p**-p))


def test_effective_rank_of_zeros_is_undefined():
    assert math.isnan(effective_rank(np.zeros((3, 2))))


@pytest.mark.parametrize("k", [1, 7, 40])
def test_knn_probe_equals_sklearn_cosine_neighbours(rng, k):
    train_z, test_z = rng.normal(size=(40, 6)) * rng.uniform(1, 9, size=(40, 1)), rng.normal(size=(25, 6))
    train_y, test_y = rng.integers(0, 2, size=(40, 3)), rng.integers(0, 2, size=(25, 3))
    expected = [
        roc_auc_score(
            test_y[:, c],
            KNeighborsClassifier(k, metric="cosine").fit(train_z, train_y[:, c]).predict_proba(test_z)[:, 1],
        )
        for c in range(3)
    ]
    assert knn_probe(train_z, train_y, test_z, test_y, k) == pytest.approx(np.mean(expected))


def test_knn_probe_of_separable_classes_is_one_and_skips_undefined_classes(rng):
    direction = np.repeat(np.eye(2), 10, axis=0) + rng.normal(size=(20, 2)) * 0.01
    labels = np.repeat([[1, 0], [0, 0]], 10, axis=0)
    assert knn_probe(direction, labels, direction, labels, k=5) == 1
    assert math.isnan(knn_probe(direction, labels, direction, np.zeros_like(labels), k=5))


def test_refusals(rng):
    z, y = rng.normal(size=(4, 2)), np.array([[0], [1], [0], [1]])
    with pytest.raises(InputError, match="neighbour count"):
        knn_probe(z, y, z, y, k=5)
    with pytest.raises(InputError, match="differ in length"):
        knn_probe(z, y[:3], z, y, k=1)
    with pytest.raises(InputError, match="not finite"):
        effective_rank(np.array([[1.0, np.nan]]))
    with pytest.raises(InputError, match="no table"):
        embedding_sd(np.zeros((0, 3)))
