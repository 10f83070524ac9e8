"""From a feature map to one vector per beat: pooling over a stretch of time around each R peak."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FEWEST_POINTS = 8
"""Some of so many lie inside the signal wherever the R peak does."""


def pool_beats(features: Tensor, rpeaks_s: Tensor, duration_s: float, span_s: tuple[float, float]) -> Tensor:
    """Average a feature map over a span around each R peak (RoI align of He et al. 2017, "Mask R-CNN", in one axis).

    Sample k of the map stands for the k-th of equally long parts of the signal, at that part's centre. The map is read
    by linear interpolation in the middles of equal parts of the span, at least two for each of the map's samples and
    eight in all, and averaged over those points that lie inside the signal. So a vector follows its R peak at any
    stride of the encoder, and no other beat's.

    Args:
        features: (batch, channel, time').
        rpeaks_s: (batch, beat) seconds from the signal's beginning, NaN where there is no beat.
        duration_s: length of the signal that the map was made from.
        span_s: from when to when relative to the R peak, in seconds, ascending.

    Returns:
        (batch, beat, channel); zeros where there is no beat, or nothing of its span inside the signal.
    """
    n_time = features.shape[-1]
    cell_s = duration_s / n_time
    width_s = span_s[1] - span_s[0]
    n_points = max(_FEWEST_POINTS, math.ceil(2 * width_s / cell_s))
    middles = (torch.arange(n_points, device=rpeaks_s.device) + 0.5) / n_points
    at_s = rpeaks_s.float()[..., None] + span_s[0] + width_s * middles
    inside = (at_s >= 0) & (at_s <= duration_s)
    position = (at_s.nan_to_num() / cell_s - 0.5).clamp(0, n_time - 1)
    before = position.floor()
    share = inside / inside.sum(dim=-1, keepdim=True).clamp(min=1)
    weights = torch.zeros(*rpeaks_s.shape, n_time, device=features.device)
    weights.scatter_add_(2, before.long(), share * (1 - (position - before)))
    weights.scatter_add_(2, (before.long() + 1).clamp(max=n_time - 1), share * (position - before))
    return torch.einsum("bct,bkt->bkc", features, weights.to(features.dtype))
