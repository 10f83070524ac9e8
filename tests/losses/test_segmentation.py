from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.losses import cross_entropy_dice
from ssrl_ecg.signals.waves import UNMARKED


def slow(logits, masks, dice_weight):
    """The definition, sample by sample."""
    entropies, inside, probability, size = [], [0.0] * 4, [0.0] * 4, [0.0] * 4
    for record in range(masks.shape[0]):
        for lead in range(masks.shape[1]):
            for t in range(masks.shape[2]):
                code = int(masks[record, lead, t])
                if code == UNMARKED:
                    continue
                scores = [float(one) for one in logits[record, lead, :, t]]
                total = sum(math.exp(one) for one in scores)
                p = [math.exp(one) / total for one in scores]
                entropies.append(-math.log(p[code]))
                for k in range(4):
                    probability[k] += p[k]
                inside[code] += p[code]
                size[code] += 1
    dice = [2 * inside[k] / (probability[k] + size[k]) for k in (1, 2, 3) if size[k]]
    return sum(entropies) / len(entropies) + dice_weight * sum(1 - one for one in dice) / len(dice)


@pytest.mark.parametrize("waves", [(0, 1, 2, 3), (0, 2)])
def test_loss_is_the_definition(generator, waves):
    logits = torch.randn(2, 3, 4, 20, generator=generator)
    masks = torch.tensor(waves, dtype=torch.uint8)[torch.randint(len(waves), (2, 3, 20), generator=generator)]
    masks[:, 1, 5:] = UNMARKED
    masks[0, 2] = UNMARKED
    assert float(cross_entropy_dice(logits, masks, 0.7)) == pytest.approx(slow(logits, masks, 0.7), rel=1e-5)


def test_samples_nobody_annotated_neither_cost_nor_teach(generator):
    logits = torch.randn(1, 2, 4, 30, generator=generator, requires_grad=True)
    masks = torch.full((1, 2, 30), UNMARKED, dtype=torch.uint8)
    masks[0, 0, :10] = 2
    cross_entropy_dice(logits, masks).backward()
    assert logits.grad is not None
    assert float(logits.grad[0, 1].abs().max()) == 0
    assert float(logits.grad[0, 0, :, 10:].abs().max()) == 0
    assert float(logits.grad[0, 0, :, :10].abs().min()) > 0


def test_a_batch_without_annotation_costs_nothing(generator):
    logits = torch.randn(1, 1, 4, 5, generator=generator, requires_grad=True)
    loss = cross_entropy_dice(logits, torch.full((1, 1, 5), UNMARKED, dtype=torch.uint8))
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().max()) == 0


def test_certain_and_right_costs_nothing():
    masks = torch.tensor([[[0, 1, 2, 3, 2]]], dtype=torch.uint8)
    logits = 50 * torch.nn.functional.one_hot(masks.long(), 4).movedim(-1, -2).float()
    assert float(cross_entropy_dice(logits, masks)) == pytest.approx(0, abs=1e-6)
