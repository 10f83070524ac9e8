"""One batch out of every process's share of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate a tensor of all processes, in rank order, such that gradients flow back to where each row came from.

    Let W processes each compute the same loss L of the gathered rows. The gather's backward sums the W processes'
    gradients, so a process receives W dL/d(own rows); DistributedDataParallel then averages the parameters' gradients
    over the processes, which divides by W. The result is the gradient of L on one process with the whole batch; no
    further factor is needed. (Batch norm still sees each process's own rows unless it is synchronised.)

    Args:
        tensor: (rows, ...), the same shape on every process.

    Returns:
        (processes x rows, ...); the tensor itself when there is only one process.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return tensor
    gathered: Tensor = _Gather.apply(tensor)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    """The collectives of ``torch.distributed`` have no gradient of their own; the transpose of a gather is a sum."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        shares = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(shares, own.contiguous())
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(summed)
        return summed.chunk(distributed.get_world_size())[distributed.get_rank()]
