"""The contrastive loss of MoCo: a query's own key against a queue of earlier ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.checks import require_one_shape


def queue_contrast(queries: Tensor, keys: Tensor, queue: Tensor, own: Tensor, temperature: float) -> Tensor:
    """Compute InfoNCE of each query with its key as the positive and a queue as negatives (He et al. 2020, equation 1).

    Computed in float32 also under autocast; vectors are L2-normalised here.

    Args:
        queries: (batch, dim), any scale.
        keys: the key of each query (batch, dim).
        queue: earlier keys (entry, dim).
        own: bool (batch, entry), entries that are no negatives of a query: other views of its own record.
        temperature: divides the cosine similarities (> 0).

    Returns:
        Scalar; ln(1 + entries) when all similarities are equal; a query without negatives counts 0.

    Raises:
        InputError: the temperature is not positive, or the shapes differ.
    """
    if not temperature > 0:
        raise InputError("the temperature must be positive", field="temperature", found=temperature)
    require_one_shape(queries, keys)
    with torch.autocast(queries.device.type, enabled=False):
        q, k, entries = (F.normalize(vectors.float(), dim=1) for vectors in (queries, keys, queue))
        positive = (q * k).sum(dim=1, keepdim=True)
        negatives = (q @ entries.T).masked_fill(own, float("-inf"))
        logits = torch.cat([positive, negatives], dim=1) / temperature
        return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.int64, device=q.device))
