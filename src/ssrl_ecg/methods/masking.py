"""Which moments or patches are hidden: blocks at random places, or single ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def equal_blocks(total: int, size: int) -> list[int]:
    """Split a total (>= 1) into blocks as near to a size (>= 1) as their number allows: 75 by 50 is 38 and 37."""
    n = max(1, round(total / size))
    return [total // n + (number < total % n) for number in range(n)]


def random_blocks(total: int, minimum: int, generator: torch.Generator) -> list[int]:
    """Split a total (>= 1) into blocks of at least a minimum (>= 1), each as long as anything that is left.

    Few, long blocks, as Weimann and Conrad (2024) draw them; one block where the total is below the minimum.
    """
    sizes = []
    while total > 0:
        size = total
        if total >= 2 * minimum:
            size = int(torch.randint(minimum, total + 1, (), generator=generator, device=generator.device))
            size = total if total - size < minimum else size
        sizes.append(size)
        total -= size
    return sizes


def place_blocks(sizes: Sequence[Sequence[int]], length: int, generator: torch.Generator) -> Tensor:
    """Put blocks at random places without overlap; two may touch.

    What stays free keeps its order, and each block goes, on its own, in front of one of the free places or behind the
    last.

    Args:
        sizes: the blocks of each row, together at most ``length``.
        length: moments of a row.
        generator: where the places are drawn from.

    Returns:
        bool (rows, length), True inside a block, on the generator's device.
    """
    most = max(len(blocks) for blocks in sizes)
    draws = torch.rand(len(sizes), most, generator=generator, device=generator.device).tolist()
    mask = torch.zeros(len(sizes), length, dtype=torch.bool)
    for row, blocks in enumerate(sizes):
        free = length - sum(blocks)
        start = 0
        for draw, block in sorted(zip(draws[row], blocks, strict=False)):
            first = int(draw * (free + 1)) + start
            mask[row, first : first + block] = True
            start += block
    return mask.to(generator.device)


def chosen(mask: Tensor) -> Tensor:
    """Return which entries of each row are True, int64 (rows, count); every row must have as many."""
    return mask.nonzero()[:, 1].reshape(len(mask), -1)
