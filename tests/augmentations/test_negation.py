from __future__ import annotations

import torch

from ssrl_ecg.augmentations.negation import Negation, NegationConfig


def test_chosen_records_change_sign_and_half_are_chosen(batch, generator):
    negation = Negation(NegationConfig())
    many = batch.repeat(100, 1, 1)
    drawn = negation.draw(many, 100.0, generator)
    sign = torch.ones(600)
    sign[drawn.rows] = -1
    assert torch.equal(negation.apply(many, drawn, 100.0), many * sign.view(-1, 1, 1))
    assert 250 < len(drawn.rows) < 350
