"""Errors of a reconstruction where it was asked for: in what was hidden."""

from __future__ import annotations

from torch import Tensor


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over what the mask marks, in float32 (He et al. 2022, "Masked Autoencoders", section 3).

    Args:
        prediction: any shape.
        target: the same shape.
        mask: bool, broadcast to that shape; True where the error counts.

    Returns:
        Scalar >= 0; 0 with zero gradients where nothing is marked.
    """
    return _masked_mean((prediction.float() - target.float()).square(), mask)


def masked_l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error over what the mask marks, in float32; arguments and result as in ``masked_mse``."""
    return _masked_mean((prediction.float() - target.float()).abs(), mask)


def _masked_mean(errors: Tensor, mask: Tensor) -> Tensor:
    weights = mask.expand_as(errors)
    return (errors * weights).sum() / weights.sum().clamp(min=1)
