from __future__ import annotations

import pytest

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.leaderboard import LeaderboardOptions, leaderboard_experiment
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.cli.pretrain import PretrainOptions, _defaults
from ssrl_ecg.methods import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_every_preset_builds_the_method_with_its_recipe(name):
    chosen, kind = preset(name), METHODS[name]
    method = kind(chosen.encoder_options().build(), kind.Config())
    recipe = RECIPES[chosen.recipe]()
    assert recipe.keeps_time or not method.needs & {"rpeaks", "simulation"}


@pytest.mark.parametrize("name", METHODS)
def test_pretrain_starts_from_the_preset_and_flags_go_before_it(name):
    chosen, kind = preset(name), METHODS[name]
    typed = PretrainOptions[kind.Config]
    options = parse(typed, ["--out", "x", "--data", "d"], "ssrl-ecg pretrain", _defaults(name))
    assert (options.recipe, options.schedule) == (chosen.recipe, chosen.schedule)
    assert options.encoder.config() == chosen.encoder_options().config()
    words = ["--out", "x", "--data", "d", "--epochs", "3", "--recipe", "none"]
    options = parse(typed, words, "ssrl-ecg pretrain", _defaults(name))
    assert (options.recipe, options.schedule.epochs) == ("none", 3)


def test_the_leaderboard_pretrains_each_method_by_its_preset():
    options = LeaderboardOptions(data=LabelledDataOptions(data="d"), methods=("byol", "simclr"), seed=7)
    experiment = leaderboard_experiment(options)
    plans = {plan.kind: plan for plan in experiment.methods}
    assert [experiment.n_pretrainings_of(plans[METHODS[name]]) for name in ("byol", "simclr")] == [1, 3]
    assert all(plan.pretrain.seed == 7 for plan in plans.values())
    assert experiment.attention_probe


def test_simulation_rows_start_on_simulated_records_at_one_cost():
    rows = ("simclr", "simulation", "simulation-simclr")
    options = LeaderboardOptions(data=LabelledDataOptions(data="d"), methods=rows, finetuned=("simclr",))
    experiment = leaderboard_experiment(options)
    alone, simulated, both = experiment.methods
    assert [plan.finetuned for plan in experiment.methods] == [True, False, False]
    assert alone.start is None
    assert not alone.knowledge
    assert simulated.knowledge
    assert both.knowledge
    assert both.kind is alone.kind
    assert both.pretrain.epochs * 2 == alone.pretrain.epochs
    assert both.start.pretrain.epochs * 2 == simulated.start.pretrain.epochs
