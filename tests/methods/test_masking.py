from __future__ import annotations

from itertools import groupby

import pytest
import torch

from ssrl_ecg.methods.masking import chosen, equal_blocks, place_blocks, random_blocks


def runs(row: torch.Tensor) -> list[int]:
    """Lengths of the stretches that are True."""
    return [len(list(group)) for value, group in groupby(row.tolist()) if value]


@pytest.mark.parametrize(
    ("total", "size", "expected"), [(300, 50, [50] * 6), (75, 50, [38, 37]), (60, 50, [60]), (3, 50, [3])]
)
def test_equal_blocks_add_up(total, size, expected):
    assert equal_blocks(total, size) == expected


def test_random_blocks_add_up_and_none_is_too_short(generator):
    drawn = [random_blocks(40, 10, generator) for _ in range(300)]
    assert all(sum(sizes) == 40 and min(sizes) >= 10 for sizes in drawn)
    assert {len(sizes) for sizes in drawn} >= {1, 2, 3}
    assert {random_blocks(19, 10, generator)[0] for _ in range(20)} == {19}
    assert random_blocks(4, 10, generator) == [4]


def test_placed_blocks_do_not_overlap_and_may_touch(generator):
    mask = place_blocks([[5, 3, 4]] * 200, 20, generator)
    assert mask.shape == (200, 20)
    assert (mask.sum(dim=1) == 12).all()
    sums = {tuple(sorted(runs(row))) for row in mask}
    assert sums == {(3, 4, 5), (5, 7), (4, 8), (3, 9), (12,)}


def test_every_moment_is_reached_and_the_first_block_has_no_favourite_place(generator):
    """With one block of 2 in 6 moments, each of its 5 places has probability 1/5."""
    starts = [int(row.nonzero()[0]) for row in place_blocks([[2]] * 5000, 6, generator)]
    assert [starts.count(place) / 5000 for place in range(5)] == pytest.approx([0.2] * 5, abs=0.03)
    mask = place_blocks([[6, 1]] * 2000, 9, generator)
    assert float(mask.float().mean(dim=0).min()) > 0.2


def test_a_full_row_and_rows_with_different_numbers_of_blocks(generator):
    mask = place_blocks([[4, 3], [7]], 7, generator)
    assert mask.all()
    mask = place_blocks([[1, 1, 1], [3]], 8, generator)
    assert chosen(mask).shape == (2, 3)
    assert torch.equal(torch.zeros(2, 8, dtype=torch.bool).scatter(1, chosen(mask), True), mask)


def test_draws_follow_the_generator():
    first, second = (place_blocks([[5, 5]] * 4, 30, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
