from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import Embeddings
from ssrl_ecg.predict.neighbours import EmbeddingIndex


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, size=(30, 8)).astype(np.float32)


def index_of(values: np.ndarray) -> EmbeddingIndex:
    return EmbeddingIndex(Embeddings(tuple(f"r{row}" for row in range(len(values))), values, {}))


def test_similarity_is_the_cosine_of_standardised_vectors(values):
    asked = np.random.default_rng(1).gamma(2.0, size=8).astype(np.float32)
    scaler = StandardScaler().fit(values)
    expected = cosine_similarity(scaler.transform(asked[None]), scaler.transform(values))[0]
    found = index_of(values).nearest(asked, 30)
    assert [one.record_id for one in found] == [f"r{row}" for row in np.argsort(-expected)]
    np.testing.assert_allclose([one.similarity for one in found], np.sort(expected)[::-1], atol=1e-5)


def test_a_recording_of_the_index_is_its_own_nearest(values):
    (nearest,) = index_of(values).nearest(values[7], 1)
    assert nearest == ("r7", pytest.approx(1))


def test_features_that_never_vary_and_vectors_at_the_mean_give_numbers(values):
    values[:, 2] = 1.0
    assert all(np.isfinite(one.similarity) for one in index_of(values).nearest(values.mean(axis=0), 30))
    assert index_of(values[:1]).nearest(values[0], 5) == [("r0", 0.0)]


def test_vectors_of_another_network_are_refused(values):
    with pytest.raises(InputError, match="another network"):
        index_of(values).nearest(np.ones(5), 3)
