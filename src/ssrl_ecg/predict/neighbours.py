"""The recordings of an index that a network sees most alike: feature vectors that ``ssrl-ecg embed`` wrote."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import Embeddings

_LEAST_SD = 1e-6


class Neighbour(NamedTuple):
    """A recording of the index.

    Attributes:
        record_id: its name there; of files, their path.
        similarity: see ``EmbeddingIndex.nearest``.
    """

    record_id: str
    similarity: float


class EmbeddingIndex:
    """Feature vectors of recordings, to be searched.

    Args:
        embeddings: of at least one recording.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._record_ids, values = embeddings.record_ids, embeddings.values
        self._mean = values.mean(axis=0, dtype=np.float64)
        self._sd = np.maximum(values.std(axis=0, dtype=np.float64), _LEAST_SD)
        self._directions = self._directions_of(values)

    def nearest(self, features: NDArray[np.floating], n: int) -> list[Neighbour]:
        """List the most similar recordings, most similar first.

        Similar is what lies in the same direction from the index's mean: the cosine of vectors whose features are
        standardised over the index, 1 for the same vector, about 0 for unrelated ones. A feature that is the same in
        all of the index counts only as far as the recording differs there.

        Args:
            features: (feature,) of the recording.
            n: how many to list at most.

        Raises:
            InputError: the vector has another length than those of the index.
        """
        if features.shape != self._mean.shape:
            raise InputError("the index is of another network", expected=self._mean.shape, found=features.shape)
        similarity = self._directions @ self._directions_of(features)
        best = np.argsort(-similarity, kind="stable")[:n]
        return [Neighbour(self._record_ids[row], float(similarity[row])) for row in best]

    def _directions_of(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Standardise vectors and give them length 1; one at the index's mean stays 0."""
        vectors = (embeddings - self._mean) / self._sd
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        directions: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return directions
