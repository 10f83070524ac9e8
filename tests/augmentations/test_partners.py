from __future__ import annotations

import torch

from ssrl_ecg.augmentations.partners import draw_partners


def test_a_partner_is_anyone_else_with_equal_chance(generator):
    rows = torch.full((30_000,), 2)
    partner = draw_partners(rows, 5, generator)
    counts = partner.bincount(minlength=5)
    assert counts[2] == 0
    assert (counts[[0, 1, 3, 4]] - 7_500).abs().max() < 4 * (30_000 * 0.25 * 0.75) ** 0.5


def test_two_records_get_each_other(generator):
    assert draw_partners(torch.tensor([0, 1]), 2, generator).tolist() == [1, 0]


def test_nobody_to_pair_in_an_empty_or_single_batch(generator):
    nobody = torch.empty(0, dtype=torch.int64)
    assert len(draw_partners(nobody, 0, generator)) == len(draw_partners(nobody, 1, generator)) == 0
