"""The contrastive loss of many windows per record: each window against what the record's other windows say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError


def poly_window_loss(z: Tensor, temperature: float) -> Tensor:
    """Contrast each window with the mean of its record's other windows, against all windows of other records.

    With unit vectors x_ai (window a of record i), q_ai the mean of x_bi over b != a, and e(u, v) the exponential of
    u v / temperature, it is the mean over a and i of

        -ln( e(q_ai, x_ai) / (e(q_ai, x_ai) + sum over all windows b of the other records j of e(q_ai, x_bj)) )

    which is the sufficient-statistics objective of Shidani et al. 2024, "Poly-View Contrastive Learning", with the mean
    as the statistic. The mean is not stretched to unit length: windows that disagree make a short, soft anchor. With
    two windows it is ``nt_xent``. Computed in float32 also under autocast.

    Args:
        z: projections (window, record, dim), any scale; at least two windows of at least two records.
        temperature: divides the cosine similarities (> 0).

    Returns:
        Scalar; ln(1 + windows (records - 1)) when all vectors are equal.

    Raises:
        InputError: the temperature is not positive, or there are too few windows or records.
    """
    if not temperature > 0:
        raise InputError("the temperature must be positive", field="temperature", found=temperature)
    if z.ndim != 3 or min(z.shape[:2]) < 2:
        expected = "(window, record, dim), at least 2 x 2"
        raise InputError("windows of one record alone say nothing", expected=expected, found=tuple(z.shape))
    n_windows, n_records, _ = z.shape
    with torch.autocast(z.device.type, enabled=False):
        x = F.normalize(z.float(), dim=-1)
        others = (x.sum(dim=0) - x) / (n_windows - 1)
        positive = (others * x).sum(dim=-1) / temperature
        logits = torch.einsum("aid,bjd->aijb", others, x) / temperature
        itself = torch.eye(n_records, dtype=torch.bool, device=z.device)[:, :, None]
        negatives = logits.masked_fill(itself, float("-inf")).flatten(start_dim=2).logsumexp(dim=2)
        return F.softplus(negatives - positive).mean()
