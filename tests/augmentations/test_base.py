from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling, AmplitudeScalingConfig
from ssrl_ecg.augmentations.base import Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.frequency_warp import FrequencyWarp, FrequencyWarpConfig
from ssrl_ecg.augmentations.time_out import TimeOut, TimeOutConfig
from ssrl_ecg.errors import InputError


def test_config_of_another_augmentation_is_refused():
    with pytest.raises(TypeError, match="TimeOutConfig"):
        AmplitudeScaling(TimeOutConfig())


def test_drawn_parameters_replay_on_a_mask(batch, generator):
    mask = torch.zeros(6, 3, 400)
    mask[:, :, 150:250] = 1
    timing = FrequencyWarp(FrequencyWarpConfig(probability=1.0, heart_rate_change_fraction=0.3))
    drawn = timing.draw(batch, 100.0, generator)
    warped = timing.apply(mask, drawn, 100.0)
    assert warped.shape == mask.shape
    width = (warped > 0.5).sum(dim=2)[:, 0]
    assert torch.allclose(width.double(), 100 / drawn["heart_rate_factor"].double(), atol=1.5)


def test_in_place_changes_the_callers_batch_as_apply_would(batch, generator):
    augmentation = TimeOut(TimeOutConfig(probability=0.5))
    drawn = augmentation.draw(batch, 100.0, generator)
    expected = augmentation.apply(batch, drawn, 100.0)
    augmentation.apply_in_place(batch, drawn, 100.0)
    assert torch.equal(batch, expected)


def test_parameters_move_whole():
    moved = Parameters(torch.tensor([1]), {"factor": torch.tensor([2.0])}).to(torch.device("meta"))
    assert moved.rows.is_meta
    assert moved["factor"].is_meta


def test_draw_uniform_covers_its_range(generator):
    values = draw_uniform((-2.0, 6.0), (20_000,), generator)
    assert (values.min() >= -2) & (values.max() < 6)
    assert values.mean().item() == pytest.approx(2, abs=4 * 8 / math.sqrt(12 * 20_000))
    assert values.std().item() == pytest.approx(8 / math.sqrt(12), rel=0.02)


@pytest.mark.parametrize("factor", [(0.5, 0.2), (0.05, 1.0), (1.0, 11.0), (math.nan, 1.0), (1.0, math.inf)])
def test_require_within_names_field_and_range(factor):
    with pytest.raises(InputError, match=r"AmplitudeScalingConfig .*factor.*within \[0.1, 10\], low before high"):
        AmplitudeScalingConfig(factor=factor)


def test_require_within_accepts_the_ends_and_a_single_point():
    AmplitudeScalingConfig(factor=(0.1, 10.0), probability=0.0)
    config = AmplitudeScalingConfig(factor=(1.0, 1.0), probability=1.0)
    require_within(config, "probability", 1.0, 1.0)
