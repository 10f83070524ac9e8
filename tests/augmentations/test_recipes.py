from __future__ import annotations

import json

import pytest
import torch
import wfdb

from ssrl_ecg.augmentations.recipes import RECIPES, Recipe, full, physiological_noises
from ssrl_ecg.augmentations.segment_cutmix import SegmentCutMix
from ssrl_ecg.augmentations.time_out import TimeOut, TimeOutConfig
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import einthoven_error_mv

SEVEN = {
    "frequency-warp": 0.5,
    "mixup": 0.4,
    "bandpass": 0.3,
    "cutmix": 0.25,
    "motion-artifact": 0.2,
    "channel-noise": 0.6,
    "temporal-dropout": 0.3,
}


def names(recipe: Recipe) -> list[str]:
    return [augmentation.name for augmentation in recipe.augmentations]


def test_full_is_the_documented_seven_in_order_at_the_documented_rates():
    assert {augmentation.name: augmentation.config.probability for augmentation in full().augmentations} == SEVEN
    assert names(full()) == list(SEVEN)


def test_each_leave_one_out_lacks_its_one():
    for left_out in SEVEN:
        assert names(RECIPES[f"no-{left_out}"]()) == [name for name in SEVEN if name != left_out]


def test_every_named_recipe_carries_its_name_and_is_plain_data():
    assert set(RECIPES) == {
        "3kg",
        "3kg-small-angles",
        "crop-timeout",
        "crop-timeout-leads",
        "crop-timeout-leads-physio",
        "crop-timeout-physio",
        "full",
        "heavy",
        *(f"ku-{name}" for name in ("dropout", "mix", "noise", "permutation", "time-warp", "zero-masking")),
        "mehari-strodthoff",
        "mehari-strodthoff-physio",
        "none",
        "timeout-leads",
        *(f"no-{name}" for name in SEVEN),
    }
    for name, recipe in RECIPES.items():
        record = json.loads(json.dumps(recipe().to_dict()))
        assert record["name"] == name
        assert [step["name"] for step in record["augmentations"]] == names(recipe())
        assert all(0 < step["probability"] <= 1 for step in record["augmentations"])


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_one_generator_gives_two_different_views_and_replays(batch, name):
    recipe, before, generator = RECIPES[name](), batch.clone(), torch.Generator().manual_seed(5)
    first, second = recipe(batch, 100.0, generator), recipe(batch, 100.0, generator)
    assert torch.equal(batch, before)
    assert first.shape == second.shape == batch.shape
    assert torch.equal(first, second) == (name == "none")
    assert torch.equal(recipe(batch, 100.0, torch.Generator().manual_seed(5)), first)


def test_physiological_recipes_are_their_namesakes_and_four_noises_at_level_two():
    noises = ["baseline-wander", "powerline-noise", "em-noise", "baseline-shift"]
    assert names(RECIPES["mehari-strodthoff-physio"]()) == noises
    for name in ("crop-timeout", "crop-timeout-leads"):
        plain, noisy = RECIPES[name](), RECIPES[f"{name}-physio"]()
        assert names(noisy) == [names(plain)[0], *noises, *names(plain)[1:]]
        rest = noisy
        for noise in noises:
            rest = rest.without(noise)
        assert rest.to_dict()["augmentations"] == plain.to_dict()["augmentations"]
    assert [noise.config.amplitude_mv[1] for noise in physiological_noises(6)] == [0.3, 0.5, 2.0, 3.0]


def test_leaving_out_names_what_is_left_out():
    rest = RECIPES["crop-timeout-leads"]().without("time-out")
    assert (rest.name, names(rest)) == ("crop-timeout-leads without time-out", ["random-resized-crop", "lead-dropout"])


def test_small_angles_stay_where_labels_hold():
    turning = RECIPES["3kg-small-angles"]().augmentations[0]
    assert turning.config.largest_angle_degrees <= 15


def test_a_chain_is_its_augmentations_one_after_the_other(batch):
    view = full()(batch, 100.0, torch.Generator().manual_seed(7))
    step_by_step, generator = batch, torch.Generator().manual_seed(7)
    for augmentation in full().augmentations:
        step_by_step = augmentation(step_by_step, 100.0, generator)
    assert torch.equal(view, step_by_step)


def test_none_still_returns_a_copy_and_custom_recipes_are_called_custom(batch, generator):
    view = RECIPES["none"]()(batch, 100.0, generator)
    assert torch.equal(view, batch)
    assert view.data_ptr() != batch.data_ptr()
    assert Recipe((TimeOut(TimeOutConfig()),)).to_dict()["name"] == "custom"


def test_mixing_is_declared_and_the_record_stays_the_largest_part_of_its_view(generator):
    assert full().mixes_records
    assert not RECIPES["heavy"]().mixes_records
    mixing = Recipe(tuple(step for step in full().augmentations if step.mixes_records))
    # Record k is one in channel k and zero elsewhere: a view shows what each record contributed to it, over time.
    share = torch.eye(20).unsqueeze(-1).repeat(1, 1, 400)
    own = torch.stack([mixing(share, 100.0, generator).diagonal().T for _ in range(20)])
    assert (own >= 0.6 - 1e-6).float().mean(dim=-1).min() >= 0.69
    assert own.mean() > 0.8


def test_a_recipe_names_the_leads_it_lacks(generator):
    with pytest.raises(InputError, match="twelve leads"):
        full()(torch.zeros(2, 8, 1000), 100.0, generator)
    assert any(isinstance(step, SegmentCutMix) for step in full().augmentations)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["crop-timeout", "full", "heavy"])
def test_views_of_real_records_stay_ecgs(ptbxl_root, generator, name):
    headers = sorted((ptbxl_root / "records100").glob("*/*.hea"))[:24]
    signals = [wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T for header in headers]
    batch = torch.stack([torch.from_numpy(signal).float() for signal in signals])
    view = RECIPES[name]()(batch, 100.0, generator)
    assert view.isfinite().all()
    assert (
        einthoven_error_mv(view.numpy()).max() < 0.005
    )  # 1 uV steps of the recording, stretched by mixing and filters
    # About the size of the record before: nothing explodes, nothing vanishes.
    ratio = view.std(dim=2).mean(dim=1) / batch.std(dim=2).mean(dim=1)
    assert ((ratio > 0.4) & (ratio < 2.5)).all()
