"""The published commands: their flags, their defaults, and that each does its work."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch

from ssrl_ecg import RecordStore, load_classifier, load_encoder
from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.published_evaluation import EvaluateDoor
from ssrl_ecg.cli.published_pretraining import BYOLDoor, MaskedDoor, SimCLRDoor
from ssrl_ecg.cli.published_scarcity import LabelScarcityDoor
from ssrl_ecg.cli.published_training import FinetuneDoor, SupervisedDoor
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.evaluate import evaluate_model

DOORS = (
    "train_ssl",
    "train_ssl_simclr",
    "train_ssl_byol",
    "train_finetune",
    "train_supervised",
    "evaluate",
    "label_scarcity_benchmark",
)

PRETRAINING = {"data_root": Path("data/PTB-XL"), "epochs": 20, "batch_size": 256, "lr": 1e-3, "signal_length": 1000}
PRETRAINING |= {"seed": 42, "config": "full"}
TRAINING = {"data_root": Path("data/PTB-XL"), "epochs": 20, "batch_size": 64, "lr": 1e-3, "label_fraction": 0.1}
TRAINING |= {"loss": "focal", "balance_strategy": "oversample", "seed": 42}
PUBLISHED = {
    MaskedDoor: PRETRAINING
    | {"batch_size": 64, "mask_ratio": 0.3, "config": "none", "out": Path("checkpoints/ssl_masked.safetensors")},
    SimCLRDoor: PRETRAINING
    | {"temperature": 0.07, "projection_dim": 128, "out": Path("checkpoints/ssl_simclr.safetensors")},
    BYOLDoor: PRETRAINING | {"momentum_tau": 0.996, "out": Path("checkpoints/ssl_byol.safetensors")},
    FinetuneDoor: TRAINING | {"freeze_encoder": False, "out": Path("checkpoints/finetuned.safetensors")},
    SupervisedDoor: TRAINING | {"out": Path("checkpoints/supervised.safetensors")},
    EvaluateDoor: {"data_root": Path("data/PTB-XL"), "batch_size": 64, "noise_std": 0.0, "mask_ratio": 0.0},
    LabelScarcityDoor: {
        "data_root": Path("data/PTB-XL"),
        "checkpoint_dir": Path("checkpoints"),
        "results_dir": Path("label_scarcity_results"),
        "label_fractions": (0.05, 0.1, 0.25, 1.0),
        "seeds": (42, 52, 62),
        "epochs": 30,
    },
}
REQUIRED = {FinetuneDoor: {"ssl_checkpoint"}, EvaluateDoor: {"checkpoint"}}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_synthetic_ptbxl(tmp_path_factory.mktemp("doors") / "synthetic", 60, seed=2)


@pytest.fixture
def door(cohort, tmp_path, monkeypatch):
    """Open a door on the small cohort, with everything written below the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(name, *words):
        main = importlib.import_module(f"ssrl_ecg.{name}").main
        return main(["--data-root", str(cohort), *map(str, words)])

    return run


@pytest.mark.parametrize("options", PUBLISHED, ids=lambda options: options.__name__)
def test_published_flags_have_their_published_defaults(options):
    fields = {field.name: field for field in dataclasses.fields(options)}
    assert {name: fields[name].default for name in PUBLISHED[options]} == PUBLISHED[options]
    without = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert without == REQUIRED.get(options, set())


@pytest.mark.parametrize("name", DOORS)
def test_a_door_is_at_most_eight_lines(name):
    path = Path(importlib.import_module(f"ssrl_ecg.{name}").__file__)
    assert len(path.read_text().splitlines()) <= 8


def test_evaluate_model_is_found_under_its_published_name():
    assert importlib.import_module("ssrl_ecg.evaluate").evaluate_model is evaluate_model


def test_published_configurations_are_recipes():
    assert {"full", "no-frequency-warp", "no-mixup"} <= set(RECIPES)


def test_simclr_with_defaults_where_it_says_then_linear_probing_then_evaluation(door, tmp_path, capsys):
    assert door("train_ssl_simclr", "--epochs", 1, "--batch-size", 16, "--signal-length", 250) == 0
    encoder = load_encoder(tmp_path / "checkpoints" / "ssl_simclr.safetensors", expected_encoder="cnn")
    assert encoder.encoder.config.width == 64
    assert encoder.preprocessing.window_samples == 250
    assert (tmp_path / "store" / "synthetic-100hz").is_dir()
    words = ("--ssl-checkpoint", "checkpoints/ssl_simclr.safetensors", "--freeze-encoder", "--label-fraction", 0.5)
    assert door("train_finetune", *words, "--epochs", 2, "--batch-size", 16) == 0
    classifier = load_classifier(tmp_path / "checkpoints" / "finetuned.safetensors")
    before, after = encoder.encoder.state_dict(), classifier.classifier.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert classifier.classes == ("NORM", "MI", "STTC", "CD", "HYP")
    capsys.readouterr()
    assert door("evaluate", "--checkpoint", "checkpoints/finetuned.safetensors", "--noise-std", 0.1) == 0
    assert "AUROC" in capsys.readouterr().out


def test_masked_reconstruction_takes_its_ratio_and_no_augmentation(door, tmp_path):
    words = ("--epochs", 1, "--batch-size", 16, "--signal-length", 100, "--mask-ratio", 0.5)
    assert door("train_ssl", *words) == 0
    settings = load_encoder(tmp_path / "checkpoints" / "ssl_masked.safetensors").provenance["settings"]
    assert settings["method"] == "MaskedReconstruction"
    assert settings["config"]["mask_ratio"] == 0.5
    assert settings["recipe"]["augmentations"] == []


def test_byol_starts_at_the_given_tau_and_may_leave_an_augmentation_out(door, tmp_path):
    words = ("--epochs", 1, "--batch-size", 16, "--signal-length", 100, "--momentum-tau", 0.9, "--config", "no-mixup")
    assert door("train_ssl_byol", *words, "--out", "byol.safetensors") == 0
    settings = load_encoder(tmp_path / "byol.safetensors").provenance["settings"]
    assert settings["config"]["momentum_tau"] == 0.9
    assert settings["recipe"]["name"] == "no-mixup"


def test_label_scarcity_takes_the_masked_encoder_if_it_is_there(door, tmp_path, capsys):
    words = ("--label-fractions", 1, "--seeds", 42, "--epochs", 1)
    assert door("label_scarcity_benchmark", *words) == 0
    assert "the supervised track runs alone" in capsys.readouterr().out
    assert door("train_ssl", "--epochs", 1, "--batch-size", 16, "--signal-length", 100) == 0
    assert door("label_scarcity_benchmark", *words, "--results-dir", "second") == 0
    assert "100 % ssl_frozen" in capsys.readouterr().out
    assert (tmp_path / "second" / "label_scarcity_benchmark.json").is_file()


def test_a_door_writes_the_path_it_is_given_and_counts_in_epochs(door, tmp_path):
    words = ("--epochs", 2, "--batch-size", 16, "--label-fraction", 1, "--signal-length", 100, "--loss", "weighted")
    assert door("train_supervised", *words, "--balance-strategy", "standard", "--out", "old/supervised.pt") == 0
    checkpoint = load_classifier(tmp_path / "old" / "supervised.pt")
    training = checkpoint.provenance["settings"]["training"]
    n_labelled = 60 - _held_out(tmp_path)
    steps_per_epoch = -(-n_labelled // 16)
    assert (training["steps"], training["evaluate_every"]) == (2 * steps_per_epoch, steps_per_epoch)
    assert (training["loss"], training["oversample"]) == ("weighted", False)
    assert door("train_finetune", "--ssl-checkpoint", "old/supervised.pt", "--epochs", 1) == 0


def _held_out(folder) -> int:
    folds = RecordStore.open(folder / "store" / "synthetic-100hz").records["fold"]
    return int((folds >= 9).sum())


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("train_ssl", ("--mask-ratio", 1), "mask_ratio"),
        ("train_ssl_simclr", ("--config", "no-nothing"), "'no-mixup'"),
        ("train_ssl_simclr", ("--epochs", 0), "epochs"),
        ("train_ssl_byol", ("--temperature", 0.1), "--temperature"),
        ("train_supervised", ("--loss", "hinge"), "'focal'"),
        ("train_supervised", ("--balance-strategy", "undersample"), "'stratified'"),
        ("train_supervised", ("--batch-size", 0), "batch_size"),
        ("train_supervised", ("--epochs", 0), "steps"),
        ("train_supervised", ("--signal-length", 1001), "shorter than one window"),
        ("train_finetune", ("--ssl-checkpoint", "nowhere.pt"), "nowhere.pt: no such checkpoint"),
        ("train_finetune", (), "--ssl-checkpoint"),
        ("evaluate", (), "--checkpoint"),
        ("label_scarcity_benchmark", ("--seeds", 42, 42), "two seeds are equal"),
        ("label_scarcity_benchmark", ("--label-fractions", 0), "label fraction"),
    ],
)
def test_mistakes_at_a_door_end_in_one_line(door, capsys, tmp_path, name, words, expected):
    assert door(name, *words) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("ssrl-ecg: error: ")
    assert expected in line
    assert not (tmp_path / "checkpoints").exists() or not list((tmp_path / "checkpoints").glob("*.safetensors"))
