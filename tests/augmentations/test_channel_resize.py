from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.channel_resize import ChannelResize, ChannelResizeConfig


def test_scales_the_measured_leads_record_by_record(batch, generator):
    resize = ChannelResize(ChannelResizeConfig())
    drawn = resize.draw(batch, 100.0, generator)
    output = resize.apply(batch, drawn, 100.0).numpy()
    for row, record in enumerate(batch.numpy()):
        factor = drawn["factor"][row].double().numpy()
        i, ii = factor[0] * record[0], factor[1] * record[1]
        limb = [i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]
        expected = np.stack([*limb, *(factor[2 + chest] * record[6 + chest] for chest in range(6))])
        np.testing.assert_allclose(output[row], expected, atol=1e-12)


def test_factors_are_uniform_on_a_logarithmic_scale(generator):
    factor = ChannelResize(ChannelResizeConfig()).draw(torch.zeros(2000, 12, 1), 100.0, generator)["factor"]
    assert (factor.min() >= 0.5 - 1e-6) & (factor.max() <= 2 + 1e-6)
    assert factor.log().mean().item() == pytest.approx(0, abs=0.02)
    assert factor.log().std().item() == pytest.approx(np.log(4) / np.sqrt(12), rel=0.02)
