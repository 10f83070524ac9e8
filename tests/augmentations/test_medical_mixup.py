from __future__ import annotations

import numpy as np
import torch
from scipy.stats import beta, kstest

from ssrl_ecg.augmentations.medical_mixup import MedicalMixup, MedicalMixupConfig


def test_blends_record_by_record(batch, generator):
    mixup = MedicalMixup(MedicalMixupConfig(probability=0.7))
    drawn = mixup.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row, weight, partner in zip(drawn.rows, drawn["own_weight"], drawn["partner"], strict=True):
        assert row != partner
        expected[row] = weight.item() * batch.numpy()[row] + (1 - weight.item()) * batch.numpy()[partner]
    assert 0 < len(drawn.rows) < 6
    np.testing.assert_allclose(mixup.apply(batch, drawn, 100.0).numpy(), expected, atol=1e-12)


def test_own_weight_follows_the_folded_beta_and_never_falls_below_its_floor():
    generator = torch.Generator().manual_seed(1)
    for shape, floor in ((1.0, 0.6), (0.4, 0.51), (3.0, 0.8)):
        mixup = MedicalMixup(MedicalMixupConfig(probability=1.0, beta_shape=shape, smallest_own_weight=floor))
        weight = mixup.draw(torch.zeros(4000, 1, 10), 100.0, generator)["own_weight"].double().numpy()
        assert weight.min() >= floor - 1e-6
        assert weight.max() <= 1
        # P(|2 lambda - 1| <= u) of a Beta symmetric about one half.
        folded = (weight - floor) / (1 - floor)
        assert kstest(folded, lambda u, shape=shape: 2 * beta(shape, shape).cdf((1 + u) / 2) - 1).pvalue > 1e-3


def test_two_views_share_their_record_and_not_its_partner(generator):
    mixup = MedicalMixup(MedicalMixupConfig(probability=1.0))
    signal = torch.zeros(200, 1, 10)
    first, second = (mixup.draw(signal, 100.0, generator)["partner"] for _ in range(2))
    assert (first == second).float().mean() < 0.05


def test_documented_rate_and_a_dominant_record():
    config = MedicalMixupConfig()
    assert config.probability == 0.4
    assert config.smallest_own_weight > 0.5
