"""``calibrate``, ``predict``, ``embed`` and packing on a simulated cohort: outputs, exit codes, refusals."""

from __future__ import annotations

import csv
import importlib
import json
import re
import shutil
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.training.checkpoint import load_classifier, read_header
from ssrl_ecg.weights import CARD, FOLDER, MAX_BYTES, packaged_classifier, weights_facts


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, data_flags, classifier_path) -> Path:
    out = tmp_path_factory.mktemp("calibrated") / "classifier.safetensors"
    assert main(["calibrate", str(classifier_path), *data_flags, "--out", str(out)]) == 0
    return out


@pytest.fixture
def folder(tmp_path, cohort):
    """Two recordings and a file that is none."""
    inside = tmp_path / "recordings"
    inside.mkdir()
    for header in sorted(cohort.rglob("*.hea"))[:2]:
        for path in (header, header.with_suffix(".dat")):
            shutil.copy(path, inside)
    (inside / "bad.csv").write_text("nothing")
    return inside


def test_calibration_is_measured_printed_and_kept(ssrl_ecg, data_flags, classifier_path, tmp_path):
    before = classifier_path.read_bytes()
    out = tmp_path / "c.safetensors"
    printed = ssrl_ecg("calibrate", classifier_path, *data_flags, "--out", out, "--json")
    facts = json.loads(printed.out)
    assert classifier_path.read_bytes() == before
    assert load_classifier(out).reliability.facts["test"] == facts["test"]
    assert set(facts["test"]["coverage"]) == {"0.8", "0.9", "0.95"}
    assert set(facts["test"]["faults"]) == {"flat", "noisy", "leads swapped", "wrong unit"}
    assert facts["folds"] == {"training": "1-8", "validation": "9", "test": "10"}
    table = ssrl_ecg("calibrate", out, *data_flags)
    assert "ECE before" in table.out
    assert "leads swapped" in table.out


def test_calibrating_on_what_was_trained_on_is_refused(refused, data_flags, classifier_path):
    flags = ["--train-folds", "1-7", "--val-folds", "8", "--test-folds", "10"]
    assert "trained on recordings" in refused("calibrate", classifier_path, *data_flags, *flags)


def test_predictions_are_printed_and_bad_files_named(ssrl_ecg, calibrated, folder):
    outcome = ssrl_ecg("predict", folder, "--checkpoint", calibrated)
    assert outcome.code == 3
    assert outcome.out.count("strangeness") == 2
    assert re.match(r"calibration: ECE 0\.\d{3} on \d+ test records", outcome.out)
    assert "left out" in outcome.err
    assert "bad.csv: format is not known" in outcome.err
    rows = [
        json.loads(line) for line in ssrl_ecg("predict", folder, "--checkpoint", calibrated, "--json").out.splitlines()
    ]
    assert [Path(row["file"]).suffix for row in rows] == [".hea", ".hea"]
    assert set(rows[0]["label_set"].values()) <= {"yes", "no", "yes or no", "neither"}


def test_predictions_as_a_file_with_a_manifest_of_what_was_left_out(ssrl_ecg, calibrated, folder, tmp_path):
    out = tmp_path / "answers.csv"
    assert ssrl_ecg("predict", folder, "--checkpoint", calibrated, "--out", out).code == 3
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    with (tmp_path / "answers.rejected.csv").open(newline="") as file:
        (rejected,) = csv.DictReader(file)
    assert Path(rejected["file"]).name == "bad.csv"
    good = sorted(folder.glob("*.hea"))
    assert ssrl_ecg("predict", *good, "--checkpoint", calibrated, "--out", out).code == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["bad.csv"], "none of the 1 files can be used"),
        ([], "give recordings"),
        ([".", "--json", "--csv"], "one of --json and --csv"),
        ([".", "--out", "answers.txt"], "expected .csv or .jsonl"),
        ([".", "--coverage", "1"], "between 0 and 1"),
    ],
)
def test_refusals_leave_no_file(refused, calibrated, folder, monkeypatch, words, reason):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert reason in refused("predict", *words, "--checkpoint", calibrated)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("source", ["files", "data"])
def test_embeddings_carry_ids_and_the_hash_of_the_checkpoint(
    ssrl_ecg, calibrated, folder, data_flags, tmp_path, source
):
    out = tmp_path / "e.npz"
    words = [folder] if source == "files" else data_flags
    assert ssrl_ecg("embed", *words, "--checkpoint", calibrated, "--out", out).code == (3 if source == "files" else 0)
    with np.load(out) as arrays:
        n_records = 2 if source == "files" else 120
        assert arrays["embedding"].shape[0] == n_records == len(set(arrays["record_id"].tolist()))
        assert len(json.loads(str(arrays["facts"]))["checkpoint_sha256"]) == 64


def test_embed_wants_files_or_data(refused, calibrated, folder, tmp_path):
    out = ["--checkpoint", calibrated, "--out", tmp_path / "e.npz"]
    assert "either files or --data" in refused("embed", *out)
    assert "either files or --data" in refused("embed", folder, "--data", "x", *out)


@pytest.fixture
def train_packaged(monkeypatch):
    """The script that packs the classifier."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "weights"))
    yield importlib.import_module("train_packaged")
    sys.modules.pop("train_packaged")


def test_the_packaged_card_says_what_the_results_say_of_the_packaged_classifier(train_packaged):
    results = json.loads(train_packaged.RESULTS.read_text(encoding="utf-8"))
    assert results["sha256"] == weights_facts()["sha256"]
    header = read_header(packaged_classifier())
    assert (FOLDER / CARD).read_text(encoding="utf-8") == train_packaged.card(results, header)
    assert {kind: found["auroc"] >= 0.9 for kind, found in header["reliability"]["test"]["faults"].items()} == (
        dict.fromkeys(("flat", "noisy", "leads swapped", "wrong unit"), True)
    )


def test_packing_writes_checkpoint_facts_and_a_card_with_every_class(
    train_packaged, tmp_path, cohort, store_path, encoder_path, classifier_path, calibrated
):
    for name, path in [("encoder", encoder_path), ("classifier", classifier_path), ("calibrated", calibrated)]:
        shutil.copy(path, tmp_path / f"{name}.safetensors")
    folds = {"train_folds": "1-8", "val_folds": "9", "test_folds": "10"}
    options = Namespace(data=cohort, work=tmp_path, store=store_path, seed=1, width=4, epochs=1, **folds)
    checkpoint = train_packaged.train(options)
    package = tmp_path / "package"
    train_packaged.pack(checkpoint, train_packaged.measure(options, checkpoint), package, tmp_path / "results.json")
    text = (package / CARD).read_text(encoding="utf-8")
    assert "not a medical device" in text
    assert all(f"| {name} |" in text for name in load_classifier(checkpoint).classes)
    assert packaged_classifier(package).read_bytes() == checkpoint.read_bytes()
    with packaged_classifier(package).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="was changed"):
        packaged_classifier(package)


def test_the_package_holds_a_small_classifier_or_says_that_it_has_none(ssrl_ecg, refused, folder):
    try:
        path = packaged_classifier()
    except ValueError:
        assert "give --checkpoint" in refused("predict", folder)
        return
    assert path.stat().st_size == weights_facts()["bytes"] <= MAX_BYTES
    assert ssrl_ecg("predict", folder / next(folder.glob("*.hea")).name).code == 0
