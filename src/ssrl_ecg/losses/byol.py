"""The regression loss of BYOL."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the unit vectors, 2 - 2 cos (Grill et al. 2020, "Bootstrap Your Own Latent", equation 2).

    One direction only: the method adds the swapped views. Computed in float32 also under autocast.

    Args:
        prediction: what the online network predicts (batch, dim), any scale.
        target: what the target network gave, same shape; the caller keeps gradients out of it.

    Returns:
        Mean over the batch, in [0, 4]; a row of zeros has no direction and counts 2 - 0.

    Raises:
        InputError: the shapes differ.
    """
    if prediction.shape != target.shape or prediction.ndim != 2:
        raise InputError(
            "prediction and target need one shape (batch, dim)",
            found=f"{tuple(prediction.shape)} and {tuple(target.shape)}",
        )
    with torch.autocast(prediction.device.type, enabled=False):
        cosine = (F.normalize(prediction.float(), dim=1) * F.normalize(target.float(), dim=1)).sum(dim=1)
        return (2 - 2 * cosine).mean()
