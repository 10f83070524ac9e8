from __future__ import annotations

import torch

from ssrl_ecg.augmentations.base import Parameters
from ssrl_ecg.augmentations.channel_noise import ChannelNoise, ChannelNoiseConfig
from ssrl_ecg.augmentations.dropout_or_noise import DropoutOrNoise, DropoutOrNoiseConfig
from ssrl_ecg.augmentations.sample_dropout import SampleDropout, SampleDropoutConfig


def test_each_record_gets_one_of_the_two(batch, generator):
    mix = DropoutOrNoise(DropoutOrNoiseConfig())
    many = batch.repeat(50, 1, 1)
    drawn = mix.draw(many, 100.0, generator)
    output = mix.apply(many, drawn, 100.0)
    drops = drawn["lost"].any(dim=1)
    assert 110 < drops.sum() < 190
    dropped = SampleDropout(SampleDropoutConfig()).apply(many, drawn, 100.0)
    noisy = ChannelNoise(ChannelNoiseConfig()).apply(many, drawn, 100.0)
    assert torch.equal(output[drops], dropped[drops])
    assert torch.equal(output[~drops], noisy[~drops])
    assert (drawn["sd_fraction"][~drops] == 0.05).all()


def test_rows_that_are_not_chosen_stay(batch, generator):
    mix = DropoutOrNoise(DropoutOrNoiseConfig())
    all_rows = mix.draw(batch, 100.0, generator)
    some = Parameters(torch.tensor([1, 4]), {name: value[[1, 4]] for name, value in all_rows.values.items()})
    output, everywhere = mix.apply(batch, some, 100.0), mix.apply(batch, all_rows, 100.0)
    assert torch.equal(output[[1, 4]], everywhere[[1, 4]])
    assert torch.equal(output[[0, 2, 3, 5]], batch[[0, 2, 3, 5]])
