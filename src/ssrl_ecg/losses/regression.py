"""Regression of targets of which some are unknown."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def huber_known(prediction: Tensor, target: Tensor) -> Tensor:
    """Huber's loss over the targets that are known (Huber, Ann. Math. Stat. 35, 1964), in float32.

    Its bend lies at 1: on targets of unit variance an error beyond one SD counts linearly, so that a measurement that
    went wrong does not outweigh the others. Every known value counts the same, hence a target as often as it is known.

    Args:
        prediction: (batch, target).
        target: (batch, target), NaN where unknown.

    Returns:
        Scalar, the mean; 0 with zero gradients where nothing is known.
    """
    known = ~target.isnan()
    errors = F.huber_loss(prediction.float(), target.nan_to_num(), reduction="none")
    return (errors * known).sum() / known.sum().clamp(min=1)
