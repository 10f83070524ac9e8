from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.sample_dropout import SampleDropout, SampleDropoutConfig


@pytest.mark.parametrize(("sampling_rate_hz", "samples"), [(100.0, 1), (500.0, 5), (360.0, None)])
def test_zeroes_the_drawn_moments_in_all_leads(batch, sampling_rate_hz, samples, generator):
    dropout = SampleDropout(SampleDropoutConfig())
    drawn = dropout.draw(batch, sampling_rate_hz, generator)
    output = dropout.apply(batch, drawn, sampling_rate_hz).numpy()
    expected = batch.numpy().copy()
    for sample in range(400):
        moment = sample // samples if samples else int((sample + 0.5) / 3.6)
        expected[drawn["lost"][:, moment].numpy(), :, sample] = 0
    np.testing.assert_array_equal(output, expected)


def test_a_tenth_is_lost(generator):
    lost = SampleDropout(SampleDropoutConfig())(torch.ones(500, 1, 1000), 100.0, generator) == 0
    assert lost.float().mean().item() == pytest.approx(0.1, abs=0.003)
