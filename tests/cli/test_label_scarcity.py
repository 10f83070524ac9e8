"""``ssrl-ecg benchmark label-scarcity``: a whole run by published lists, and mistakes that end in one line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.cli.scarcity_options import RepeatedProtocolOptions, ScarcityTrainingOptions
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError

TINY = (
    "--encoder", "cnn", "--encoder-width", "4", "--pretrain-epochs", "1", "--pretrain-batch-size", "16", "--steps", "2",
    "--n-pretrainings", "1", "--fractions", "0.5", "1", "--repeats", "2", "1", "--floors", "--no-combinations",
    "--no-whole-systems", "--replicates", "500", "--workers", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = write_synthetic_ptbxl(tmp_path_factory.mktemp("scarcity-command") / "synthetic", 80, seed=4)
    build_store(PTBXL(root), root.parent / "store")
    return root


@pytest.fixture
def command(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ("--data", str(cohort), "--store", str(cohort.parent / "store"))
    return lambda *words: main(["benchmark", "label-scarcity", *data, *TINY, *map(str, words)])


@pytest.fixture
def lists(cohort, tmp_path):
    """Three lists of whole patients that cut through the folds."""
    records = RecordStore.open(cohort.parent / "store").records
    part = pd.factorize(records["patient_id"])[0] % 4
    flags = []
    for flag, parts in {"--train-ids": (0, 1), "--val-ids": (2,), "--test-ids": (3,)}.items():
        path = tmp_path / f"{flag[2:]}.csv"
        records.loc[np.isin(part, parts), ["record_id", "fold"]].to_csv(path, index=False)
        flags += [flag, str(path)]
    return flags


def test_every_track_of_a_run_by_lists(command, lists, tmp_path, capsys):
    words = ("--protocol", "lists", *lists, "--validations", "fold", "none", "--rate-factors", 0.5)
    assert command(*words, "--min-test-positives", 3, "--out", "out") == 0
    printed = capsys.readouterr().out
    assert "of 5 classes have 3 or more positive test records" in printed
    assert "fold: SimCLR fine-tuned against supervised: 50 % with = " in printed
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["tracks"]) == ["fold", "none"]
    names = {row["name"] for row in results["tracks"]["fold"]["rows"]}
    assert {"supervised", "supervised, recipe none", "SimCLR fine-tuned", "random encoder probe"} <= names
    assert {row["per_fold"].keys().__len__() for row in results["tracks"]["fold"]["rows"]} == {1}
    published = json.loads((tmp_path / "out" / "label_scarcity_benchmark.json").read_text())
    assert set(published["label_scarcity"]["0.5"]) == {"supervised", "ssl_finetuned", "ssl_frozen"}
    assert len(list((tmp_path / "out" / "models").iterdir())) == 1  # one pretraining for all tracks


def test_mistakes_end_in_one_line_before_anything_is_trained(command, lists, tmp_path, capsys):
    for words, expected in {
        ("--protocol", "lists"): "--train-ids",
        ("--protocol", "folds", *lists): "lists of records are for --protocol lists",
        ("--protocol", "subsampling", "--splits", 1): "2 or more",
        ("--protocol", "rotation", "--val-folds", "3"): "no fold flags beside rotation",
        ("--protocol", "lists", *lists[:2], *lists[4:]): "--val-ids",
        ("--protocol", "lists", *lists[:4], "--test-ids", lists[1]): "are in both train and test",
        ("--min-test-positives", 1000): "too few positive test records",
    }.items():
        assert command(*words, "--out", "out") == 2
        assert expected in capsys.readouterr().err.strip().splitlines()[-1]
        assert not (tmp_path / "out" / "fold").exists()


def test_a_results_folder_that_cannot_be_written_is_named(command, tmp_path, capsys):
    (tmp_path / "out").write_text("a file in its place")
    assert command("--out", "out") == 2
    assert "out" in capsys.readouterr().err.strip().splitlines()[-1]


def test_random_splits_are_another_for_every_seed(cohort):
    store = RecordStore.open(cohort.parent / "store")
    protocol = RepeatedProtocolOptions(protocol="subsampling", n_splits=3)
    repeats = protocol.repeats(store, store.labels("super"), "fold", 42)
    assert len({tuple(split.test) for (split,) in repeats}) == 3
    without = protocol.repeats(store, store.labels("super"), "none", 42)
    assert [len(split.validation) for (split,) in without] == [0, 0, 0]
    assert np.array_equal(without[1][0].train, repeats[1][0].train)
    with pytest.raises(InputError, match="splits"):
        RepeatedProtocolOptions(protocol="subsampling", n_splits=1).repeats(store, store.labels("super"), "fold", 42)


def test_supervised_rows_stand_with_their_own_augmentations_and_those_of_fine_tuning():
    rows = ScarcityTrainingOptions().supervised(42)
    assert [plan.recipe.to_dict()["name"] for plan in rows.values()] == ["crop-timeout", "none"]
