"""Pretraining on several collections: a simulated PTB-XL, copies of it under the challenge's names, and a folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ssrl_ecg import RecordStore, load_encoder
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store
from ssrl_ecg.signals.leads import LEADS

SMALL = ("--encoder", "cnn", "--encoder-width", 4, "--epochs", 1, "--batch-size", 32)


def _write(folder: Path, name: str, signal_mv: np.ndarray, dx: str = "426783006") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    how = {"units": ["mV"] * 12, "sig_name": list(LEADS), "fmt": ["16"] * 12, "adc_gain": [1000.0] * 12}
    wfdb.wrsamp(
        name, 100, **how, baseline=[0] * 12, p_signal=signal_mv.T, comments=[f"Dx: {dx}"], write_dir=str(folder)
    )


@pytest.fixture(scope="module")
def collections(cohort, tmp_path_factory) -> tuple[Path, Path]:
    """The challenge's folder: HR names for a training and two held-out records, one held-out one under another name,
    two new ones; and a folder of three recordings without labels, the second a held-out one."""
    root = tmp_path_factory.mktemp("collections")
    store = build_store(PTBXL(cohort), root / "scratch").store
    fold, ids = store.records["fold"].to_numpy(), store.records["record_id"].astype(int).to_numpy()
    train, held_out = np.flatnonzero(fold == 1), np.flatnonzero(fold == 10)
    challenge, rng = root / "challenge", np.random.default_rng(0)
    for row in (train[0], *held_out[:2]):
        _write(challenge / "ptb-xl", f"HR{ids[row]:05d}", store.read_mv([row])[0])
    _write(challenge / "georgia", "E00001", 1.2 * store.read_mv([held_out[2]])[0])
    for name in ("E00002", "E00003"):
        _write(challenge / "georgia", name, rng.normal(0, 0.3, (12, 1000)))
    own = root / "own"
    for name, signal_mv in {"a": rng.normal(0, 0.3, (12, 1000)), "b": store.read_mv([held_out[3]])[0]}.items():
        _write(own, name, signal_mv)
    (own / "labels.csv").write_text("record,fold\na,\nb,\n")
    return challenge, own


def _pretrain(ssrl_ecg, cohort, collections, tmp_path, *more):
    challenge, own = collections
    data = ("--data", f"ptbxl:{cohort}", f"cinc2021:{challenge}", f"folder:{own}", "--store", tmp_path / "stores")
    out = tmp_path / "encoder.safetensors"
    return ssrl_ecg("pretrain", "simclr", *data, *SMALL, "--out", out, *more), out


def test_several_collections_are_audited_and_trained_on(ssrl_ecg, cohort, collections, tmp_path):
    outcome, out = _pretrain(ssrl_ecg, cohort, collections, tmp_path, "--weights", 1, 2, 0.5)
    assert outcome.code == 0, outcome
    stores = {store.facts.source: store for store in map(RecordStore.open, (tmp_path / "stores").iterdir())}
    assert sorted(stores) == ["cinc2021", "folder", "ptbxl"]
    record = json.loads((tmp_path / "encoder.safetensors.run" / "run.json").read_text())
    leakage = record["data"]["leakage"]
    assert leakage["verdict"] in outcome.out
    assert leakage["n_excluded"] == {"it is a held-out recording": 4}
    assert leakage["n_duplicates_between_collections"] == 5
    assert [one["source"] for one in record["data"]["collections"]] == ["ptbxl", "cinc2021", "folder"]
    assert leakage["n_train"] == int((stores["ptbxl"].records["fold"] <= 8).sum()) + 3 + 1
    with open(tmp_path / "encoder.safetensors.run" / "leakage.csv") as file:
        rows = list(csv.DictReader(file))
    names = {row["first"] for row in rows if row["what"] == "excluded"}
    assert {"cinc2021:E00001", "folder:b"} < names
    assert len(names) == 4
    seen = load_encoder(out).provenance["seen"]
    assert [(one["source"], one["folds"]) for one in seen] == [
        ("ptbxl", list(range(1, 9))), ("cinc2021", [-1]), ("folder", [-1])]  # fmt: skip


def test_challenge_alone_leaves_out_what_is_ptbxls(ssrl_ecg, collections, tmp_path):
    out = tmp_path / "encoder"
    words = ("--data", f"cinc2021:{collections[0]}", "--store", tmp_path / "store", "--out", out)
    outcome = ssrl_ecg("pretrain", "simclr", *words, *SMALL)
    assert outcome.code == 0, outcome
    assert "3 recordings to train on, 0 held out" in outcome.out
    assert "3 excluded" in outcome.out


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--weights", 1, 2), "not a weight for each collection (field --weights, expected 3, found 2)"),
        (("--weights", 1, 2, 0), "not a weight (field --weights, expected positive numbers, found 0.0)"),
        (("--duration-s", 5), "records are not like those of"),
    ],
)
def test_what_does_not_fit_is_refused(refused, cohort, collections, tmp_path, more, reason):
    challenge, own = collections
    data = ("--data", f"ptbxl:{cohort}", f"cinc2021:{challenge}", f"folder:{own}", "--store", tmp_path / "stores")
    assert reason in refused("pretrain", "simclr", *data, *SMALL, "--out", tmp_path / "encoder", *more)
    assert not list(tmp_path.glob("encoder*"))


def test_two_folders_of_one_name_are_refused(refused, cohort, tmp_path):
    data = ("--data", f"ptbxl:{cohort}", f"ptbxl:{cohort}", "--store", tmp_path)
    assert "two collections would have one store" in refused("pretrain", "simclr", *data, "--out", tmp_path / "encoder")
