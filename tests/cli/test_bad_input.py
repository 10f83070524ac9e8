"""What people get wrong: every mistake ends in exit code 2, one line that names it, and nothing half-written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys

import pytest

from ssrl_ecg.data.ptbxl import TABLE

SMALL = ("--encoder", "cnn", "--encoder-width", 4)


@pytest.fixture
def finetune(data_flags, encoder_path, tmp_path):
    """Words of a fine-tuning that would work."""
    return ("finetune", *data_flags, "--steps", 2, "--checkpoint", encoder_path, "--out", tmp_path / "out.safetensors")


@pytest.fixture
def copy(cohort, tmp_path):
    """A cohort that a test may damage."""
    return shutil.copytree(cohort, tmp_path / "copy")


def _nothing_written(folder):
    return [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".part")] == []


def test_missing_folder(refused, tmp_path):
    assert "nowhere: folder of PTB-XL is missing" in refused("data", "store", "--data", tmp_path / "nowhere")
    assert "folder of recordings is missing" in refused("data", "store", "--data", f"folder:{tmp_path / 'nowhere'}")
    assert "folder of LUDB is missing" in refused("data", "store", "--data", f"ludb:{tmp_path / 'nowhere'}")


def test_unknown_kind_of_data(refused):
    expected = "expected ptbxl:FOLDER or cinc2021:FOLDER or ludb:FOLDER or folder:FOLDER, found cpsc:x"
    assert expected in refused("data", "store", "--data", "cpsc:x")


def test_a_folder_with_a_colon_in_its_name_is_a_folder(ssrl_ecg, cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine:2024").symlink_to(cohort)
    assert ssrl_ecg("data", "store", "--data", "mine:2024").code == 0


def test_missing_table_and_missing_column(refused, copy, tmp_path):
    words = ("data", "store", "--data", copy, "--store", tmp_path / "store")
    table = copy / TABLE
    table.write_text(table.read_text().replace("strat_fold", "fold", 1))
    assert f"{TABLE}: table lacks a column (field strat_fold)" in refused(*words)
    table.unlink()
    assert f"{TABLE}: file of PTB-XL is missing" in refused(*words)
    assert not (tmp_path / "store").exists()


def test_the_other_rate_is_missing(refused, cohort, tmp_path):
    words = ("data", "store", "--data", cohort, "--store", tmp_path / "store", "--sampling-rate-hz")
    assert "records500 is missing (found records100 is there" in refused(*words, 500)
    assert "expected 100 or 500 Hz, found 250 Hz" in refused(*words, 250)
    assert "expected 100 or 500 Hz, found 99.5 Hz" in refused(*words, 99.5)


def test_checkpoint_missing_truncated_foreign_or_of_another_encoder(refused, finetune, encoder_path, tmp_path):
    def with_checkpoint(path, *more):
        words = [path if word is encoder_path else word for word in finetune]
        return refused(*words, *more)

    assert "nowhere.safetensors: no such checkpoint" in with_checkpoint(tmp_path / "nowhere.safetensors")
    truncated = tmp_path / "truncated"
    truncated.write_bytes(encoder_path.read_bytes()[:-100])
    assert f"{truncated}: " in with_checkpoint(truncated)
    (tmp_path / "text").write_text("not a checkpoint")
    assert f"{tmp_path / 'text'}: " in with_checkpoint(tmp_path / "text")
    line = with_checkpoint(encoder_path, "--encoder", "resnet18")
    assert "checkpoint of another encoder (field encoder, expected resnet18, found cnn)" in line
    assert _nothing_written(tmp_path)


def test_an_encoder_alone_cannot_be_evaluated(refused, data_flags, encoder_path):
    assert "without a head" in refused("evaluate", *data_flags, "--checkpoint", encoder_path)


def test_a_classifier_of_other_classes(refused, data_flags, classifier_path):
    line = refused("evaluate", *data_flags, "--checkpoint", classifier_path, "--label-set", "rhythm")
    assert "trained for other classes (field rhythm, expected multilabel: NORM, MI, STTC, CD, HYP" in line


def test_no_label_left_and_no_such_fraction(refused, finetune):
    assert "leaves no labelled record" in refused(*finetune, "--label-fraction", 0.001)
    assert "above 0, at most 1" in refused(*finetune, "--label-fraction", 1.5)


def test_unknown_label_set(refused, finetune):
    line = refused(*finetune, "--label-set", "superclass")
    assert "unknown label set" in line
    assert "super-single" in line


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--val-folds", "8"), "fold 8 is in both train and validation"),
        (("--test-folds", "9,10"), "fold 9 is in both validation and test"),
        (("--test-folds", "11"), "fold 11 holds no record (field test folds, expected one of the folds 1, 2"),
        (("--train-folds", "1-x"), "these are not folds (field folds, expected numbers and ranges from 1 up"),
        (("--train-folds", "1,1"), "a fold is named twice"),
    ],
)
def test_folds_that_overlap_are_empty_or_none(refused, finetune, flags, expected):
    assert expected in refused(*finetune, *flags)


@pytest.mark.real_data
def test_the_sample_lacks_fold_10(refused, ptbxl_root, tmp_path):
    words = ("pretrain", "simclr", "--data", ptbxl_root, "--store", tmp_path / "store", "--out", tmp_path / "a")
    assert "fold 10 holds no record (field test folds, expected one of the folds 1, 2, 3" in refused(*words)


@pytest.mark.parametrize(
    ("fold", "expected"),
    [
        (8, "the weights were trained on recordings that are to judge them (field test folds"),
        (9, "steps, penalty or thresholds of the weights were chosen on recordings that are to test them (field test"),
    ],
)
def test_evaluation_on_folds_of_the_training(refused, data_flags, classifier_path, fold, expected):
    words = ("evaluate", *data_flags, "--checkpoint", classifier_path, "--test-folds", f"{fold},10")
    line = refused(*words)
    assert expected in line
    assert line.endswith(f"found {fold})")


def test_a_test_fold_that_the_earlier_classifier_was_chosen_on(refused, data_flags, classifier_path, tmp_path):
    words = ("finetune", *data_flags, "--checkpoint", classifier_path, "--out", tmp_path / "c.safetensors")
    line = refused(*words, "--val-folds", "10", "--test-folds", "9")
    assert "were chosen on recordings that are to test them (field test folds, expected other folds than 9" in line


def test_held_out_folds_that_the_encoder_has_seen(refused, finetune):
    line = refused(*finetune, "--train-folds", "1-6", "--val-folds", "7", "--test-folds", "10")
    assert "the weights were trained on recordings that are to judge them (field validation folds" in line


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--nonsense", "1"), "Unrecognized options: --nonsense"),
        (("--recipe", "fulll"), "'full'"),
        (("--encoder", "resnet19"), "'resnet18'"),
        (("--encoder-settings", "depth=3"), "unknown setting for CNNConfig (field depth"),
        (("--encoder-settings", "n_leads=twelve"), "n_leads"),
        (("--encoder-settings", "width"), "expected NAME=VALUE, found width"),
        (("--precision", "16"), "'32', 'bf16'"),
        (("--epochs", "0"), "epochs"),
        (("--temperature", "-1"), "temperature"),
        (("--window-s", "11"), "recording is shorter than one window"),
        (("--highpass-hz", "60"), "band edges out of order"),
        (("--encoder-width", "0"), "width"),
        (("--normalisation", "batch"), "'dataset', 'record', 'none'"),
    ],
)
def test_flags_and_values(refused, data_flags, tmp_path, flags, expected):
    words = ("pretrain", "simclr", *data_flags, *SMALL, "--out", tmp_path / "out.safetensors")
    assert expected in refused(*words, *flags)
    assert _nothing_written(tmp_path)


def test_a_place_that_cannot_be_written_to_is_found_before_training(refused, data_flags, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("training began")

    monkeypatch.setattr("ssrl_ecg.cli.pretrain.pretrain", never)
    (tmp_path / "file").write_text("mine")
    words = ("pretrain", "simclr", *data_flags, *SMALL, "--out")
    assert "file" in refused(*words, tmp_path / "file" / "out.safetensors")
    assert (tmp_path / "file").read_text() == "mine"
    assert "is to be a file (field --out" in refused(*words, tmp_path)


def test_a_disk_that_fills_up_at_the_end(refused, finetune, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ssrl_ecg.training.checkpoint.save_file", full)
    assert "No space left on device" in refused(*finetune)
    assert _nothing_written(tmp_path)


def test_corruption_out_of_range(refused, data_flags, classifier_path):
    words = ("evaluate", *data_flags, "--checkpoint", classifier_path)
    assert "field mask_fraction, expected between 0 and 1, found 1.5" in refused(*words, "--mask-ratio", 1.5)
    assert "field noise_sd_mv, expected at least 0" in refused(*words, "--noise-std", -1)


def test_through_a_real_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ssrl_ecg.train_finetune", "--data-root", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "--ssl-checkpoint" in done.stderr
