"""The loss of VICReg: views agree, every dimension keeps its variance, no two dimensions say the same."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.losses.checks import require_one_shape


class VICRegTerms(NamedTuple):
    """The three terms before they are weighted, each a scalar >= 0 (the covariance but for rounding)."""

    invariance: Tensor
    variance: Tensor
    covariance: Tensor


def vicreg_terms(z_a: Tensor, z_b: Tensor, target_sd: float = 1.0, epsilon: float = 1e-4) -> VICRegTerms:
    """Compute the terms of VICReg (Bardes, Ponce and LeCun 2022, "VICReg", section 4 and algorithm 1), in float32.

    - invariance: mean over records and dimensions of (z_a - z_b)^2. (The paper's equation 5 sums over the dimensions;
      its algorithm, and the weights it reports, are for the mean.)
    - variance: mean over dimensions of max(0, target - sqrt(variance + epsilon)), added over both views.
    - covariance: squared off-diagonal covariances, summed, over the number of dimensions, added over both views.

    Variances and covariances are over the batch, with n - 1.

    Args:
        z_a: projections of the first views (batch, dim), batch >= 2; not normalised.
        z_b: projections of the second views, same shape.
        target_sd: standard deviation that a dimension should reach (> 0).
        epsilon: keeps the square root's gradient finite (> 0).

    Raises:
        InputError: the shapes differ.
    """
    require_one_shape(z_a, z_b)
    with torch.autocast(z_a.device.type, enabled=False):
        z_a, z_b = z_a.float(), z_b.float()
        variance, covariance = torch.zeros_like(z_a[0, 0]), torch.zeros_like(z_a[0, 0])
        for z in (z_a, z_b):
            centred = z - z.mean(dim=0)
            variances = centred.square().sum(dim=0) / (len(z) - 1)
            variance = variance + F.relu(target_sd - (variances + epsilon).sqrt()).mean()
            # The squares of z'z sum to those of zz', which is smaller where a batch has fewer records than dimensions.
            squares = (centred @ centred.T / (len(z) - 1)).square().sum()
            covariance = covariance + (squares - variances.square().sum()) / z.shape[1]
        return VICRegTerms(F.mse_loss(z_a, z_b), variance, covariance)
