"""Every ``ssrl-ecg`` command trains, unless told otherwise, the recipe that was chosen on the PTB-XL sample."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.finetune import FinetuneOptions
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.pretrain import PretrainOptions
from ssrl_ecg.cli.run import RunOptions
from ssrl_ecg.cli.supervised import SupervisedOptions
from ssrl_ecg.methods import METHODS
from ssrl_ecg.models import ENCODERS, KUCNN, KUConfig
from ssrl_ecg.training.run import as_config

TRIALS = Path(__file__).parents[2] / "results" / "trials"
WORDS = ["--data", "PTB-XL", "--out", "x.safetensors"]


@pytest.fixture
def experiment():
    return parse(RunOptions, ["--data", "PTB-XL"], "ssrl-ecg run").experiment.experiment()


def chosen_trial(part: str, name: str) -> dict:
    (trial,) = [entry for entry in json.loads((TRIALS / f"{part}.json").read_text()) if entry["name"] == name]
    return trial["settings"]


def test_run_pretrains_what_the_pretrain_command_does_and_what_was_chosen(experiment):
    kind = METHODS["simclr"]
    options = parse(PretrainOptions[kind.Config], WORDS, "ssrl-ecg pretrain simclr")
    (plan,) = experiment.methods
    assert (plan.config, plan.pretrain) == (options.method, options.schedule)
    assert plan.recipe.to_dict() == RECIPES[options.recipe]().to_dict()
    assert experiment.encoder.config == options.encoder.config()
    chosen = chosen_trial("simclr-again", "leads .3")
    assert as_config(plan.config) == chosen["method"]
    assert as_config(plan.pretrain) == chosen["pretrain"]
    assert as_config(plan.recipe.to_dict()) == chosen["recipe"]


@pytest.mark.parametrize(
    ("part", "name", "command", "words"),
    [
        ("supervised", "25 passes", SupervisedOptions, []),
        ("finetune", "leads .3: 25 passes, no augmentation", FinetuneOptions, ["--checkpoint", "encoder.safetensors"]),
    ],
)
def test_run_trains_what_the_single_command_does_and_what_was_chosen(experiment, part, name, command, words):
    options = parse(command, [*WORDS, *words], f"ssrl-ecg {part}")
    plan = experiment.finetune if part == "finetune" else experiment.supervised["supervised"]
    assert dataclasses.asdict(plan.config) == dataclasses.asdict(options.training)
    assert plan.recipe.to_dict() == RECIPES[options.recipe]().to_dict()
    chosen = chosen_trial(f"{part}-again", name)
    without_later_settings = {"layer_rate_decay": 1.0}
    assert as_config(plan.config) == without_later_settings | chosen["config"]
    assert as_config(plan.recipe.to_dict()) == chosen["recipe"]


def test_the_encoders_own_settings_are_words():
    words = ["--encoder", "ku-cnn", "--encoder-width", "8"]
    words += ["--encoder-settings", "domain=frequency", "embedding_dim=64", "dropout=0.2"]
    config = parse(SupervisedOptions, [*WORDS, *words], "ssrl-ecg supervised").encoder.config()
    assert config == KUConfig(width=8, domain="frequency", embedding_dim=64, dropout=0.2)
    run = parse(RunOptions, ["--data", "PTB-XL", *words], "ssrl-ecg run").experiment.experiment()
    assert (run.encoder.kind, run.encoder.config) == (KUCNN, config)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_built_at_its_own_width(name):
    encoder = parse(SupervisedOptions, [*WORDS, "--encoder", name], "ssrl-ecg supervised").encoder
    assert encoder.config() == ENCODERS[name].Config()
