"""What SwAV learns by: balanced assignments to prototypes, and the assignment of one view predicted from another."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def sinkhorn(similarities: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Assign records to prototypes softly such that all prototypes get equal shares (Cuturi 2013; SwAV's section 3.1).

    The exact assignment Q maximises sum(Q * similarities) + epsilon * entropy(Q) under two constraints: every record
    gives 1 and every prototype gets records / prototypes. Sinkhorn's iterations scale exp(similarities / epsilon) to
    fulfil one constraint, then the other; the record's comes last, so it holds exactly after any number of them.
    Computed on logarithms, in float32: no similarity overflows.

    Args:
        similarities: (record, prototype), in [-1, 1] for unit vectors.
        epsilon: weight of the entropy (> 0); towards 0 assignments become hard.
        iterations: how often both constraints are visited (>= 1).

    Returns:
        float32 (record, prototype), >= 0, rows sum to 1; no gradient flows through it.
    """
    log_q = similarities.float() / epsilon
    share = math.log(log_q.shape[0] / log_q.shape[1])
    for _ in range(iterations):
        log_q = log_q - log_q.logsumexp(dim=0, keepdim=True) + share
        log_q = log_q - log_q.logsumexp(dim=1, keepdim=True)
    return log_q.exp()


def swapped_prediction(similarities: Tensor, assignments: Tensor, temperature: float) -> Tensor:
    """Predict the assignment of each view from every other view (Caron et al. 2020, "SwAV", equations 1 and 2).

    The cross-entropy of assignments and softmax(similarities / temperature), mean over records and over all pairs of an
    assigned view and another view, in float32.

    Args:
        similarities: (view, record, prototype).
        assignments: of the first views (assigned view, record, prototype), rows sum to 1; fewer than all views, or all.
        temperature: divides the similarities (> 0).

    Returns:
        Scalar in nats; ln(prototypes) where all similarities are equal.
    """
    log_p = F.log_softmax(similarities.float() / temperature, dim=-1)
    entropies = -torch.einsum("trk,srk->ts", assignments.float(), log_p) / similarities.shape[1]
    itself = torch.eye(*entropies.shape, dtype=torch.bool, device=entropies.device)
    return entropies[~itself].mean()
