"""Has a representation collapsed? Numbers that tell, for watching a pretraining, never for selecting from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, macro
from ssrl_ecg.metrics.multilabel import auroc


def embedding_sd(z: ArrayLike) -> float:
    """Mean over the dimensions of the standard deviation of L2-normalised embeddings (Chen & He 2021, section 4.1).

    Args:
        z: embeddings (record, dim), any scale; a row of zeros stays zero.

    Returns:
        0 when all records have one direction (collapse), about 1 / sqrt(dim) when directions are spread evenly.

    Raises:
        InputError: no table of finite numbers.
    """
    return float(_unit_rows(_table(z)).std(axis=0).mean())


def effective_rank(z: ArrayLike) -> float:
    """Exponential of the entropy of the normalised singular values (Roy & Vetterli 2007, definition 1).

    The matrix is taken as it is, neither centred nor row-normalised: a mean that all records share is a direction too.

    Args:
        z: embeddings (record, dim).

    Returns:
        In [1, min(record, dim)]; NaN for a matrix of zeros, which has no direction.

    Raises:
        InputError: no table of finite numbers.
    """
    singular_values = np.linalg.svd(_table(z), compute_uv=False)
    if singular_values.sum() == 0:
        return float("nan")
    shares = singular_values / singular_values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def knn_probe(train_z: ArrayLike, train_y: ArrayLike, test_z: ArrayLike, test_y: ArrayLike, k: int = 20) -> float:
    """Macro AUROC of scores that are the share of positives among the k nearest training records by cosine.

    Args:
        train_z: embeddings that may be neighbours (record, dim).
        train_y: their labels (record, class), 0 or 1.
        test_z: embeddings that are scored (record', dim).
        test_y: their labels (record', class), 0 or 1.
        k: neighbours that vote, between 1 and the number of training records.

    Returns:
        In [0, 1], over the classes that have positives and negatives in ``test_y``; NaN when none has.

    Raises:
        InputError: k is out of range, or a table is malformed.
    """
    train, labels = _unit_rows(_table(train_z)), np.asarray(train_y, dtype=np.float64)
    if not 1 <= k <= len(train):
        raise InputError("neighbour count out of range", field="k", expected=f"1 to {len(train)}", found=k)
    if len(labels) != len(train):
        raise InputError("labels and embeddings differ in length", expected=len(train), found=len(labels))
    # Between unit vectors the nearest by Euclidean distance is the nearest by cosine.
    neighbours = NearestNeighbors(n_neighbors=k).fit(train)
    nearest = neighbours.kneighbors(_unit_rows(_table(test_z)), return_distance=False)
    return macro(auroc(test_y, labels[nearest].mean(axis=1)))


def _table(z: ArrayLike) -> FloatArray:
    table = np.asarray(z, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError("embeddings hold no table", expected="(record, dim)", found=table.shape)
    if not np.isfinite(table).all():
        raise InputError(
            "embeddings are not finite", found=f"{int((~np.isfinite(table)).sum())} NaN or infinite values"
        )
    return table


def _unit_rows(z: FloatArray) -> FloatArray:
    norms: FloatArray = np.linalg.norm(z, axis=1, keepdims=True)
    return np.divide(z, norms, out=np.zeros_like(z), where=norms != 0)
