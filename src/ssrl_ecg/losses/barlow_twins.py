"""The loss of Barlow Twins: the cross-correlation of two views' projections should be the identity."""

from __future__ import annotations

import torch
from torch import Tensor

from ssrl_ecg.losses.checks import require_one_shape


def barlow_twins_loss(z_a: Tensor, z_b: Tensor, redundancy_weight: float) -> Tensor:
    """Compute sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2 (Zbontar et al. 2021, "Barlow Twins", equation 1).

    C is the correlation, over the batch, of dimension i of the first views with dimension j of the second, in float32
    also under autocast.

    Args:
        z_a: projections of the first views (batch, dim), batch >= 2, any scale.
        z_b: projections of the second views, same shape.
        redundancy_weight: lambda, of the off-diagonal terms (>= 0).

    Returns:
        Scalar, >= 0 but for rounding. A dimension that is constant over the batch correlates with nothing: it counts 1.

    Raises:
        InputError: the shapes differ.
    """
    require_one_shape(z_a, z_b)
    with torch.autocast(z_a.device.type, enabled=False):
        a, b = _standardised(z_a), _standardised(z_b)
        diagonal = (a * b).mean(dim=0)
        # The squares of a'b sum to the products of aa' and bb', smaller where there are fewer records than dimensions.
        squares = ((a @ a.T) * (b @ b.T)).sum() / len(a) ** 2
        redundancy = squares - diagonal.square().sum()
        return (1 - diagonal).square().sum() + redundancy_weight * redundancy


def _standardised(z: Tensor) -> Tensor:
    """Give each dimension mean 0 and (biased) variance 1 over the batch."""
    centred = z.float() - z.float().mean(dim=0)
    return centred * (centred.square().mean(dim=0) + 1e-9).rsqrt()
