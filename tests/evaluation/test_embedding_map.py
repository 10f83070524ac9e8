"""Maps keep separated groups apart and near records near; the same seed gives the same map."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.embedding_map import FEWEST_RECORDS, map_embeddings


@pytest.fixture(scope="module")
def clusters():
    """Three groups of 30 in 12 dimensions, far from each other."""
    rng = np.random.default_rng(0)
    centres = 20 * np.eye(12)[:3]
    return np.concatenate([centre + rng.normal(size=(30, 12)) for centre in centres]), np.repeat(range(3), 30)


@pytest.fixture(scope="module")
def laid_out(clusters):
    return map_embeddings(clusters[0], "tsne", seed=1)


def test_neighbours_in_separated_clusters_stay_near(clusters, laid_out):
    distances = cdist(laid_out.positions, laid_out.positions)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5]
    assert (clusters[1][nearest] == clusters[1][:, None]).mean() > 0.99
    assert laid_out.trustworthiness > 0.9


def test_the_map_fills_the_unit_square_in_one_scale(laid_out):
    low, high = laid_out.positions.min(axis=0), laid_out.positions.max(axis=0)
    assert (high - low).max() == pytest.approx(1)
    np.testing.assert_allclose((low + high) / 2, 0.5)
    assert laid_out.method == "t-SNE"


def test_equal_seeds_give_equal_maps(clusters, laid_out):
    again = map_embeddings(clusters[0], "tsne", seed=1)
    np.testing.assert_array_equal(again.positions, laid_out.positions)


def test_features_count_alike_whatever_their_scale(clusters, laid_out):
    scaled = clusters[0] * np.geomspace(1e-3, 1e3, 12)
    np.testing.assert_allclose(map_embeddings(scaled, "tsne", seed=1).positions, laid_out.positions, atol=0.05)


def test_random_features_are_not_to_be_trusted(laid_out):
    noise = np.random.default_rng(0).normal(size=(90, 40))
    assert map_embeddings(noise, "tsne").trustworthiness < laid_out.trustworthiness


def test_the_fewest_records_have_a_map():
    few = np.random.default_rng(0).normal(size=(FEWEST_RECORDS, 2))
    assert np.isfinite(map_embeddings(few, "tsne").positions).all()


@pytest.mark.parametrize(
    ("embeddings", "reason"),
    [
        (np.eye(FEWEST_RECORDS - 1), "too few records"),
        (np.arange(20.0)[:, None], "too few features"),
        (np.ones((20, 3)), "all records are the same"),
    ],
)
def test_what_has_no_map_is_refused(embeddings, reason):
    with pytest.raises(InputError, match=reason):
        map_embeddings(embeddings, "tsne")


def test_umap_is_taken_where_it_is_installed(clusters, monkeypatch):
    asked = {}

    class Reducer:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, features):
            return features[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Reducer))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert map_embeddings(clusters[0], seed=3).method == "UMAP"
    assert asked == {"n_neighbors": 15, "random_state": 3, "n_jobs": 1}


def test_without_umap_there_is_tsne_and_asking_for_umap_names_the_extra(clusters, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert map_embeddings(clusters[0][:12]).method == "t-SNE"
    with pytest.raises(InputError, match=r"ssrl-ecg\[explore\]"):
        map_embeddings(clusters[0], "umap")


@pytest.mark.slow
def test_umap_itself_keeps_clusters_together(clusters):
    pytest.importorskip("umap")
    positions = map_embeddings(clusters[0], "umap").positions
    distances = cdist(positions, positions)
    np.fill_diagonal(distances, np.inf)
    assert (clusters[1][distances.argmin(axis=1)] == clusters[1]).mean() > 0.99
