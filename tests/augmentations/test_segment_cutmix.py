from __future__ import annotations

import numpy as np
import torch

from ssrl_ecg.augmentations.segment_cutmix import SegmentCutMix, SegmentCutMixConfig


def test_pastes_the_same_stretch_record_by_record(batch, generator):
    cutmix = SegmentCutMix(SegmentCutMixConfig(probability=1.0))
    drawn = cutmix.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row in range(6):
        start, length = drawn["start_fraction"][row].item() * 400, drawn["length_fraction"][row].item() * 400
        for sample in range(400):
            if start <= sample < start + length:
                expected[row, :, sample] = batch.numpy()[drawn["partner"][row], :, sample]
    np.testing.assert_array_equal(cutmix.apply(batch, drawn, 100.0).numpy(), expected)


def test_the_record_keeps_most_of_its_time(generator):
    cutmix = SegmentCutMix(SegmentCutMixConfig(probability=1.0))
    who = torch.arange(500.0).view(-1, 1, 1).expand(-1, 1, 1000)
    foreign = (cutmix(who, 100.0, generator) != who).float().mean(dim=(1, 2))
    assert 0.099 <= foreign.min() < 0.11
    assert 0.29 < foreign.max() <= 0.301


def test_nan_of_a_partner_stays_outside_the_pasted_stretch(batch, generator):
    cutmix = SegmentCutMix(SegmentCutMixConfig(probability=1.0))
    batch[2] = torch.nan
    drawn = cutmix.draw(batch, 100.0, generator)
    lost = cutmix.apply(batch, drawn, 100.0).isnan().float().mean(dim=(1, 2))
    others = torch.arange(6) != 2
    assert (lost[others] <= 0.31).all()


def test_documented_strength_and_rate():
    config = SegmentCutMixConfig()
    assert (config.probability, config.length_fraction) == (0.25, (0.1, 0.3))
