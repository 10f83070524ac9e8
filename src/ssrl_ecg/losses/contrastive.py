"""NT-Xent, the loss of SimCLR."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.checks import require_one_shape


def nt_xent(z_a: Tensor, z_b: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy (Chen et al. 2020, "A Simple Framework ...", equation 1).

    Rows i of both views are each other's positive; the other 2N - 2 rows of the 2N are negatives; a row is never
    compared with itself. Mean over all 2N rows, computed in float32 through log-sum-exp also under autocast.

    Args:
        z_a: projections of the first views (batch, dim), any scale: rows are L2-normalised here.
        z_b: projections of the second views, same shape.
        temperature: divides the cosine similarities (> 0).

    Returns:
        Scalar. ln(2N - 1) when all similarities are equal; a single pair has no negatives and gives 0 with no gradient.

    Raises:
        InputError: the temperature is not positive, or the shapes differ.
    """
    if not temperature > 0:
        raise InputError("the temperature must be positive", field="temperature", found=temperature)
    require_one_shape(z_a, z_b)
    with torch.autocast(z_a.device.type, enabled=False):
        z = F.normalize(torch.cat([z_a, z_b]).float(), dim=1)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        logits = (z @ z.T / temperature).masked_fill(itself, float("-inf"))
        partner = torch.arange(len(z), device=z.device).roll(len(z_a))
        return F.cross_entropy(logits, partner)
