from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.permutation import Permutation, PermutationConfig


@pytest.mark.parametrize("n_segments", [2, 5, 7])
def test_joins_the_pieces_in_the_drawn_order(batch, generator, n_segments):
    permutation = Permutation(PermutationConfig(n_segments=n_segments))
    drawn = permutation.draw(batch, 100.0, generator)
    output = permutation.apply(batch, drawn, 100.0).numpy()
    cuts = [-(-number * 400 // n_segments) for number in range(n_segments + 1)]
    for row, record in enumerate(batch.numpy()):
        pieces = {}
        for number in range(n_segments):
            pieces[drawn["place"][row, number].item()] = record[:, cuts[number] : cuts[number + 1]]
        expected = np.concatenate([pieces[place] for place in range(n_segments)], axis=1)
        np.testing.assert_array_equal(output[row], expected)


def test_some_piece_always_moves_and_every_order_occurs(generator):
    place = Permutation(PermutationConfig(n_segments=3)).draw(torch.zeros(3000, 1, 9), 100.0, generator)["place"]
    orders, counts = place.unique(dim=0, return_counts=True)
    assert len(orders) == 5
    assert [0, 1, 2] not in orders.tolist()
    assert counts.min() > 420


def test_published_number_of_pieces():
    assert PermutationConfig().n_segments == 5
