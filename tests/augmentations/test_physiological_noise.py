from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.baseline_shift import BaselineShiftConfig
from ssrl_ecg.augmentations.baseline_wander import BaselineWanderConfig
from ssrl_ecg.augmentations.em_noise import EMNoiseConfig
from ssrl_ecg.augmentations.physiological_noise import LEVELS, cosine_basis, cosine_coefficients
from ssrl_ecg.augmentations.powerline_noise import PowerlineNoiseConfig
from ssrl_ecg.errors import InputError

KINDS = (BaselineWanderConfig, EMNoiseConfig, PowerlineNoiseConfig, BaselineShiftConfig)
PUBLISHED = {
    1: (0.05, 0.25, 0.1, 0.5),
    2: (0.1, 0.5, 0.2, 1.0),
    3: (0.1, 1.0, 0.2, 2.0),
    4: (0.2, 1.0, 0.4, 2.0),
    5: (0.2, 1.5, 0.4, 2.5),
    6: (0.3, 2.0, 0.5, 3.0),
}


@pytest.mark.parametrize("level", LEVELS)
def test_levels_are_the_published_ones(level):
    assert tuple(kind.at_level(level).amplitude_mv for kind in KINDS) == tuple((0.0, mv) for mv in PUBLISHED[level])


@pytest.mark.parametrize("kind", KINDS)
def test_level_two_is_the_default_and_others_are_refused(kind):
    assert kind() == kind.at_level(2)
    assert kind.at_level(3, probability=0.5).probability == 0.5
    for level in (0, 7, 2.5):
        with pytest.raises(InputError, match="level"):
            kind.at_level(level)


def test_coefficients_and_basis_are_a_sum_of_cosines(generator):
    amplitude, phase = torch.rand(2, 5, 3, generator=generator, dtype=torch.float64)
    frequency_hz = torch.tensor([0.3, 7.0, 50.0])
    wave = cosine_coefficients(amplitude, phase) @ cosine_basis(frequency_hz, 500.0, torch.empty(1, 40).double())
    for row in range(5):
        for sample in range(40):
            expected = sum(
                a * math.cos(2 * math.pi * f * sample / 500 + p)
                for a, f, p in zip(amplitude[row].tolist(), frequency_hz.tolist(), phase[row].tolist(), strict=True)
            )
            np.testing.assert_allclose(wave[row, sample].item(), expected, atol=1e-12)
