"""Projections of earlier steps: more negatives, or more of the population, than one batch has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class KeyQueue(nn.Module):
    """The latest projections and the records they come from; all of it travels in ``state_dict``.

    It begins with random unit vectors of no record, as that of He et al. 2020.

    Attributes:
        keys: unit vectors (size, dim), float32, the latest first.
        rows: each one's row in the store (size,), int64; -1 for the random vectors of the beginning.

    Args:
        size: how many are kept (>= 1).
        dim: their length.
    """

    keys: Tensor
    rows: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer("rows", torch.full((size,), -1, dtype=torch.int64))

    @property
    def full(self) -> bool:
        """Whether every vector comes from a record."""
        return bool((self.rows >= 0).all())

    @torch.no_grad()
    def push(self, keys: Tensor, rows: Tensor) -> None:
        """Put projections in front; the oldest drop out.

        Args:
            keys: (n, dim), any scale; the same on every process.
            rows: (n,) rows of their records.
        """
        size = len(self.rows)
        self.keys.copy_(torch.cat([F.normalize(keys.float(), dim=1), self.keys])[:size])
        self.rows.copy_(torch.cat([rows, self.rows])[:size])
