from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.losses import draw_negatives, sequence_info_nce


@pytest.mark.parametrize(("n_negatives", "expected"), [(3, 3), (9, 9), (128, 9)])
def test_negatives_are_other_steps_each_once_and_as_many_as_there_are(n_negatives, expected, generator):
    positives = torch.arange(10).expand(7, -1)
    drawn = draw_negatives(positives, 10, n_negatives, generator)
    assert drawn.shape == (7, 10, expected)
    for positive, steps in zip(positives.flatten().tolist(), drawn.flatten(0, 1).tolist(), strict=True):
        assert positive not in steps
        assert len(set(steps)) == expected
        assert set(steps) <= set(range(10))


def test_every_other_step_is_drawn_as_often(generator):
    n_draws = 6000
    drawn = draw_negatives(torch.full((n_draws,), 2), 6, 2, generator)
    share = torch.bincount(drawn.flatten(), minlength=6) / n_draws
    expected = torch.tensor([0.4, 0.4, 0.0, 0.4, 0.4, 0.4])
    assert (share - expected).abs().max() < 4 * math.sqrt(0.4 * 0.6 / n_draws)


def test_two_steps_have_one_negative(generator):
    assert draw_negatives(torch.tensor([0, 1]), 2, 128, generator).tolist() == [[1], [0]]


def test_draws_come_from_the_generator():
    positives = torch.arange(20).expand(3, -1)
    one, again, other = (draw_negatives(positives, 20, 5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_loss_equals_a_slow_loop(generator):
    predictions, latents = torch.randn(3, 4, 5, generator=generator), torch.randn(3, 6, 5, generator=generator)
    positives = torch.tensor([2, 3, 4, 5]).expand(3, -1)
    negatives = draw_negatives(positives, 6, 3, generator)
    found = sequence_info_nce(predictions, latents, positives, negatives)
    for record in range(3):
        for position in range(4):
            expects = predictions[record, position].double()
            right = math.exp(expects @ latents[record, position + 2].double())
            wrong = sum(
                math.exp(expects @ latents[record, step].double()) for step in negatives[record, position].tolist()
            )
            assert found[record, position].item() == pytest.approx(-math.log(right / (right + wrong)), abs=1e-5)


def test_equal_scores_give_the_logarithm_of_the_candidates(generator):
    positives = torch.arange(5).expand(2, -1)
    negatives = draw_negatives(positives, 5, 3, generator)
    loss = sequence_info_nce(torch.zeros(2, 5, 4), torch.randn(2, 5, 4), positives, negatives)
    torch.testing.assert_close(loss, torch.full((2, 5), math.log(4)))


def test_large_scores_stay_finite_in_float32_under_autocast(generator):
    positives = torch.arange(5).expand(2, -1)
    negatives = draw_negatives(positives, 5, 3, generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sequence_info_nce(
            1e3 * torch.randn(2, 5, 4), 1e3 * torch.randn(2, 5, 4).bfloat16(), positives, negatives
        )
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
