"""Feature vectors as a map: two dimensions in which near records lie near, and how far that can be trusted."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package

MapMethod = Literal["auto", "umap", "tsne"]

FEWEST_RECORDS = 10
_N_COMPONENTS = 50  # principal components that t-SNE starts from, as its authors advise for wide features
_N_NEIGHBORS = 15
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class EmbeddingMap:
    """Where each record lies.

    Attributes:
        positions: (record, 2), from 0 to 1; both axes have one scale, and only distances mean anything.
        method: "UMAP" or "t-SNE".
        trustworthiness: from 0 to 1: 1 when whoever is near on the map is near in the embedding (Venna & Kaski 2001),
            at ``n_neighbors`` neighbours.
        n_neighbors: see above.
    """

    positions: NDArray[np.float64]
    method: str
    trustworthiness: float
    n_neighbors: int


def map_embeddings(embeddings: NDArray[np.floating[Any]], method: MapMethod = "auto", seed: int = 42) -> EmbeddingMap:
    """Lay feature vectors out in two dimensions.

    Features are standardised, as probes do, and reduced to at most 50 principal components. UMAP (McInnes et al. 2018)
    looks at 15 neighbours, t-SNE (van der Maaten & Hinton 2008) has perplexity 30, or a third of the records where they
    are few. Equal seeds give equal maps on one machine.

    Args:
        embeddings: (record, feature), finite.
        method: "auto" takes UMAP where the extra ``explore`` is installed, t-SNE elsewhere.
        seed: of the layout.

    Raises:
        InputError: fewer than ``FEWEST_RECORDS`` records or than two features, vectors that are all the same, or UMAP
            is asked for and not installed.
    """
    n_records = len(embeddings)
    if n_records < FEWEST_RECORDS:
        raise InputError("too few records for a map", expected=f"at least {FEWEST_RECORDS}", found=n_records)
    if embeddings.shape[1] < 2:
        raise InputError("too few features for a map", expected="at least 2", found=embeddings.shape[1])
    standardised = StandardScaler().fit_transform(np.asarray(embeddings, dtype=np.float64))
    if not standardised.any():
        raise InputError("the feature vectors of all records are the same: there is nothing to map")
    n_components = min(_N_COMPONENTS, *standardised.shape)
    reduced = PCA(n_components, svd_solver="full").fit_transform(standardised)
    n_neighbors = min(_N_NEIGHBORS, (n_records - 1) // 2)
    takes_umap = method == "umap" or (method == "auto" and importlib.util.find_spec("umap") is not None)
    layout = _umap(reduced, n_neighbors, seed) if takes_umap else _tsne(reduced, seed)
    kept = float(trustworthiness(standardised, layout, n_neighbors=n_neighbors))
    return EmbeddingMap(_in_unit_square(layout), "UMAP" if takes_umap else "t-SNE", kept, n_neighbors)


def _umap(reduced: NDArray[np.float64], n_neighbors: int, seed: int) -> NDArray[np.float64]:
    umap = extra_package("umap", "explore", "UMAP maps")
    layout = umap.UMAP(n_neighbors=n_neighbors, random_state=seed, n_jobs=1).fit_transform(reduced)
    return np.asarray(layout, dtype=np.float64)


def _tsne(reduced: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    perplexity = min(_PERPLEXITY, (len(reduced) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, random_state=seed).fit_transform(reduced), dtype=np.float64)


def _in_unit_square(layout: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre the layout in the unit square; the longer side fills it."""
    low, high = layout.min(axis=0), layout.max(axis=0)
    longest = max(float((high - low).max()), np.finfo(float).tiny)
    inside: NDArray[np.float64] = (layout - (low + high) / 2) / longest + 0.5
    return inside
