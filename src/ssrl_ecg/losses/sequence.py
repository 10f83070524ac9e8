"""InfoNCE along a sequence, the loss of contrastive predictive coding."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def draw_negatives(positives: Tensor, n_steps: int, n_negatives: int, generator: torch.Generator) -> Tensor:
    """Draw steps of a sequence that are not the positive one, without replacement, uniformly.

    Args:
        positives: int64 (...), the step each draw has to leave out, in [0, ``n_steps``).
        n_steps: length of the sequence (>= 2).
        n_negatives: how many to draw (>= 1); where the sequence has fewer other steps, all of them.
        generator: where to draw from.

    Returns:
        int64 (..., min(n_negatives, n_steps - 1)), on the device of ``positives``.
    """
    keys = torch.rand(*positives.shape, n_steps, generator=generator, device=generator.device).to(positives.device)
    keys.scatter_(-1, positives.unsqueeze(-1), -1.0)
    return keys.topk(min(n_negatives, n_steps - 1), dim=-1, sorted=False).indices


def sequence_info_nce(predictions: Tensor, latents: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Cross-entropy of telling the latent that came from others of the same sequence (van den Oord 2018, equation 4).

    Scores are dot products, neither normalised nor divided by a temperature.

    Args:
        predictions: what each position expects (batch, position, dim).
        latents: (batch, time, dim).
        positives: int64 (batch, position), the step each position predicts.
        negatives: int64 (batch, position, negative), the steps it must not be mistaken for.

    Returns:
        float32 (batch, position) in nats, also under autocast; ln(1 + negatives) where all scores are equal.
    """
    with torch.autocast(predictions.device.type, enabled=False):
        scores = torch.matmul(predictions.float(), latents.float().transpose(1, 2))
        candidates = torch.cat([positives.unsqueeze(-1), negatives], dim=-1)
        return -F.log_softmax(scores.gather(2, candidates), dim=-1)[..., 0]
