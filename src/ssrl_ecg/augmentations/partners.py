"""Who is mixed with whom, and why the record itself stays what a view is about.

Mixing must never make another patient the positive. Four things ensure it:

* a partner is never the record itself, and is drawn anew for each view: what the two views of a record have in common
  is that record, not its partners;
* in a blend the record's own weight never falls below a floor above one half (``MedicalMixup``);
* a pasted segment covers at most 30 % of the time as documented, and never half of it (``SegmentCutMix``);
* a batch of one record is left alone.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw_partners(rows: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """Draw for each row another record of the batch, uniformly.

    Args:
        rows: int64 (n,), positions in the batch.
        batch_size: number of records in the batch, at least 2 unless ``rows`` is empty.
        generator: CPU generator.

    Returns:
        int64 (n,), positions in the batch, never equal to ``rows``.
    """
    steps = torch.randint(1, max(2, batch_size), rows.shape, generator=generator)
    return (rows + steps) % max(1, batch_size)
