"""The recordings of an index that a network sees most alike: feature vectors that ``ssrl-ecg embed`` wrote."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError

_ARRAYS = ("record_id", "embedding", "facts")
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
        record_ids: one per row.
        embeddings: (record, feature), finite.
        checkpoint_sha256: of the checkpoint that made them.

    Attributes:
        record_ids: see above.
        checkpoint_sha256: see above.
    """

    def __init__(self, record_ids: tuple[str, ...], embeddings: NDArray[np.float32], checkpoint_sha256: str) -> None:
        self.record_ids, self.checkpoint_sha256 = record_ids, checkpoint_sha256
        self._mean = embeddings.mean(axis=0, dtype=np.float64)
        self._sd = np.maximum(embeddings.std(axis=0, dtype=np.float64), _LEAST_SD)
        self._directions = self._directions_of(embeddings)

    @classmethod
    def read(cls, path: Path) -> EmbeddingIndex:
        """Read the ``.npz`` that ``ssrl-ecg embed`` writes; nothing is unpickled.

        Raises:
            InputError: the file is missing, or not what ``ssrl-ecg embed`` writes.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names, embeddings, facts = (arrays[name] for name in _ARRAYS)
            sha256 = json.loads(str(facts))["checkpoint_sha256"]
        except FileNotFoundError:
            raise InputError("file is missing", file=path) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
            raise InputError("this is no index", file=path, expected="NAME.npz of ssrl-ecg embed") from None
        if embeddings.ndim != 2 or names.shape != embeddings.shape[:1] or not len(names):
            raise InputError("the index is damaged", file=path, field="embedding", found=embeddings.shape)
        if not np.issubdtype(embeddings.dtype, np.floating) or not np.isfinite(embeddings).all():
            raise InputError("the index is damaged", file=path, field="embedding", expected="finite numbers")
        return cls(tuple(map(str, names)), embeddings.astype(np.float32), str(sha256))

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
        return [Neighbour(self.record_ids[row], float(similarity[row])) for row in best]

    def _directions_of(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Standardise vectors and give them length 1; one at the index's mean stays 0."""
        vectors = (embeddings - self._mean) / self._sd
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        directions: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return directions
