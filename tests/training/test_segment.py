from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.recipes import RECIPES, none
from ssrl_ecg.data.wave_marks import MarkedRecords, simulated_records
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.waves import UNMARKED
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.segment import SegmentConfig, segment, train_segmenter, wave_logits, wave_masks

FED = Preprocessing(window_s=5.0, highpass_hz=0.5, normalisation="record")
CONFIG = SegmentConfig(steps=3, passes=0, batch_size=2, leads_per_step=2)


@pytest.fixture(scope="module")
def records():
    return simulated_records(4, 0, 100.0)


def make_unet(n_leads=12):
    return UNet(ECGEncoder1DCNN(CNNConfig(n_leads=n_leads, width=4)), UNetConfig(width=4, lead_width=2))


def train(records, config=CONFIG, n_leads=12, recipe=None, **more):
    return train_segmenter(
        lambda: make_unet(n_leads), records, preprocessing=FED, recipe=recipe or none(), config=config,
        progress=False, **more,
    )  # fmt: skip


@pytest.mark.parametrize("n_leads", [1, 12])
def test_training_is_repeatable_and_moves_everything(records, n_leads):
    first, again = train(records, n_leads=n_leads), train(records, n_leads=n_leads)
    assert module_hash(first.unet) == module_hash(again.unet)
    torch.manual_seed(0)
    assert module_hash(train(records, replace(CONFIG, seed=1), n_leads).unet) != module_hash(first.unet)
    assert not first.unet.training
    assert np.isfinite(first.history[-1]["loss"])


def test_a_frozen_encoder_keeps_its_bytes(records):
    encoder = make_unet().encoder
    before = module_hash(encoder)
    result = train_segmenter(
        lambda: UNet(encoder, UNetConfig(width=4)), records, preprocessing=FED, recipe=none(),
        config=replace(CONFIG, trainable="decoder"), progress=False,
    )  # fmt: skip
    assert module_hash(result.unet.encoder) == before


@pytest.mark.slow
def test_simulated_waves_are_learned():
    records = simulated_records(24, 1, 100.0)
    config = SegmentConfig(steps=120, passes=0, batch_size=8, leads_per_step=2)
    unet = train_segmenter(
        lambda: UNet(ECGEncoder1DCNN(CNNConfig(width=8)), UNetConfig(width=16, lead_width=8)), records,
        preprocessing=FED, recipe=none(), config=config, progress=False,
    ).unet  # fmt: skip
    fresh = simulated_records(6, 2, 100.0)
    assert (segment(unet, FED, fresh.signal_mv, 100.0) == fresh.masks).mean() > 0.8


def test_what_nobody_annotated_changes_nothing(records):
    masks = records.masks.copy()
    masks[..., 300:] = UNMARKED
    silent = records.signal_mv.copy()
    plain = MarkedRecords(records.signal_mv, masks, 100.0)
    with pytest.raises(InputError, match="nothing is marked"):
        train(MarkedRecords(silent, np.full_like(masks, UNMARKED), 100.0))
    assert np.isfinite(train(plain).history[-1]["loss"])


def test_an_interrupted_training_goes_on_to_the_same_weights(records, tmp_path):
    config = replace(CONFIG, steps=52)  # an epoch is 50
    whole = train(records, config)
    train(records, config, folder=tmp_path)
    assert module_hash(train(records, config, folder=tmp_path).unet) == module_hash(whole.unet)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"signal_mv": np.zeros((0, 12, 1000), np.float32), "masks": np.zeros((0, 12, 1000), np.uint8)}, "no records"),
        ({"sampling_rate_hz": 250.0}, "another rate"),
    ],
)
def test_records_to_learn_nothing_from_are_refused(records, changes, match):
    with pytest.raises(InputError, match=match):
        train(replace(records, **changes))


def test_augmentations_that_move_time_are_refused(records):
    with pytest.raises(InputError, match="keep the time axis"):
        train(records, recipe=RECIPES["crop-timeout"]())


def test_many_records_get_more_steps_and_few_no_fewer():
    config = SegmentConfig(steps=160, passes=50, batch_size=16)
    assert [config.total_steps(n) for n in (8, 51, 52, 160)] == [160, 160, 163, 500]


@pytest.mark.parametrize("changes", [{"steps": 0}, {"leads_per_step": 0}, {"dice_weight": -1.0}, {"trainable": "head"}])
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(InputError):
        SegmentConfig(**changes)


def test_windows_that_overlap_are_averaged():
    class Positions(torch.nn.Module):
        """Says of each sample where it lies in its window."""

        def forward(self, view):
            place = torch.arange(view.shape[-1], dtype=torch.float32)
            return place.expand(view.shape[0], view.shape[1], 4, -1)

    fed = replace(FED, window_s=1.0, highpass_hz=None)
    logits = wave_logits(Positions(), fed, torch.zeros(1, 12, 170))
    expected = np.zeros(170)
    times = np.zeros(170)
    for start in (0, 50, 70):
        expected[start : start + 100] += np.arange(100)
        times[start : start + 100] += 1
    np.testing.assert_allclose(logits[0, 3, 2], expected / times, rtol=1e-6)
    np.testing.assert_allclose(wave_logits(Positions(), fed, torch.zeros(1, 12, 60))[0, 0, 0], np.arange(60))


def test_a_boundary_lies_where_logits_cross_between_samples():
    logits = torch.zeros(2, 20)
    logits[1] = torch.linspace(-9.25, 9.75, 20)  # crosses zero at sample 9.25, 0.925 s at 10 Hz
    mask = wave_masks(logits, 10.0, 200.0, 400)
    assert np.flatnonzero(np.diff(mask)).tolist() == [185]  # the last sample of nothing, at 0.925 s
    assert len(wave_masks(logits, 10.0, 200.0, 410)) == 410


def test_pieces_shorter_than_any_wave_are_removed():
    logits = torch.zeros(2, 100)
    logits[1] = -1
    logits[1, 40] = 5
    logits[1, 60:70] = 5
    mask = wave_masks(logits, 100.0, 100.0, 100)
    assert np.flatnonzero(mask).tolist() == list(range(60, 70))
