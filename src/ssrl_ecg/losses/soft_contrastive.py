"""Contrasting with targets between 0 and 1: how alike two things are, not only whether they are the same.

Beat-SSL (Rizqyawan et al. 2026, arXiv 2601.16147) contrasts records and beats with hard and two kinds of soft targets.
What is public of it does not say how a soft target enters the loss; both usual ways are here, and hard targets make the
first of them the loss that everybody knows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError

_SPREAD = 100.0
"""Mean squared difference of standardised features at which a similarity is 1/e, before the exponent."""


def soft_contrastive(z: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between shares of the targets and shares of the similarities, over all others.

        L = mean_i  -sum_{j != i} T_ij / sum_{k != i} T_ik  log( exp(cos_ij / tau) / sum_{k != i} exp(cos_ik / tau) )

    With T 1 for the other view of the same record and 0 else, it is ``nt_xent``; with T 1 for members of the same
    class, it is the supervised contrastive loss (Khosla et al. 2020, "Supervised Contrastive Learning", equation 2). It
    is computed in float32 also under autocast, and never below the mean entropy of the target's shares.

    Args:
        z: projections (n, dim), any scale: rows are L2-normalised here.
        targets: (n, n) >= 0, how alike i and j are; the diagonal does not matter.
        temperature: divides the cosine similarities (> 0).

    Returns:
        Scalar: the mean over the rows that are like any other; 0, without a gradient, where none is.

    Raises:
        InputError: the temperature is not positive, or the shapes do not fit.
    """
    cosines, wanted, itself = _compared(z, targets, temperature)
    with torch.autocast(z.device.type, enabled=False):
        wanted = wanted.masked_fill(itself, 0.0)
        log_shares = F.log_softmax((cosines / temperature).masked_fill(itself, float("-inf")), dim=1)
        each = -(wanted * log_shares.masked_fill(itself, 0.0)).sum(dim=1)
        total = wanted.sum(dim=1)
        is_anchor = total > 0
        return (each / total.where(is_anchor, 1.0)).where(is_anchor, 0.0).sum() / is_anchor.sum().clamp(min=1)


def similarity_regression(z: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Regress similarities themselves: a target T asks for the cosine 2 T - 1.

        L = mean_{i != j} 1/2 ( (cos_ij - (2 T_ij - 1)) / tau )^2

    The temperature only scales it, so that its gradients are about as large as those of ``soft_contrastive``.

    Args:
        z: projections (n, dim), any scale: rows are L2-normalised here.
        targets: (n, n) in [0, 1], how alike i and j are; the diagonal does not matter.
        temperature: divides the differences (> 0).

    Returns:
        Scalar, in float32 also under autocast; 0, without a gradient, where there is no pair.

    Raises:
        InputError: the temperature is not positive, or the shapes do not fit.
    """
    cosines, wanted, itself = _compared(z, targets, temperature)
    squares = ((cosines - (2 * wanted - 1)) / temperature).square().masked_fill(itself, 0.0)
    return 0.5 * squares.sum() / max(len(z) * (len(z) - 1), 1)


def feature_similarity(features: Tensor, exponent: float) -> Tensor:
    """How alike rows of standardised features are: exp(-d^2 / 100) to the power of ``exponent``.

    d^2 is the mean squared difference over the features known in both rows, 2 on average for rows that have nothing to
    do with each other. The form is our choice; 100 puts the similarities as close to 1 before the exponent (0.98 on
    average) as those in Beat-SSL's figure (0.993 to 0.9994), so that its exponents, 1 and 50, mean about the same here.

    Args:
        features: (n, feature), of mean 0 and variance 1; NaN where unknown.
        exponent: sharpens (> 0).

    Returns:
        float32 (n, n) in [0, 1], symmetric; 0 where nothing is known in both rows.
    """
    with torch.autocast(features.device.type, enabled=False):
        known = features.isfinite().float()
        values = features.float().where(known > 0, 0.0)
        squares = values.square() @ known.T
        n_shared = known @ known.T
        distances = (squares + squares.T - 2 * values @ values.T).clamp(min=0) / n_shared.clamp(min=1)
        return torch.exp(-exponent / _SPREAD * distances).where(n_shared > 0, 0.0)


def _compared(z: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines, targets and which pairs are one row with itself, each (n, n)."""
    if not temperature > 0:
        raise InputError("the temperature must be positive", field="temperature", found=temperature)
    if z.ndim != 2 or targets.shape != (len(z), len(z)):
        found = f"{tuple(z.shape)} and {tuple(targets.shape)}"
        raise InputError("targets compare every row with every other", expected="(n, dim) and (n, n)", found=found)
    with torch.autocast(z.device.type, enabled=False):
        unit = F.normalize(z.float(), dim=1)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        return unit @ unit.T, targets.float(), itself
