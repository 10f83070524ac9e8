"""``ssrl-ecg benchmark robustness``: a tiny run with recorded noise, and mistakes that end in one line."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import wfdb

from ssrl_ecg.cli import robustness
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.cli.run_training import RunTrainingOptions
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.data.nstdb import NOISES

WORDS = (
    "benchmark", "robustness", "--methods", "--with-noise", "--floors", "criteria", "--corruptions", "masking",
    "nstdb-bw", "--n-seeds", 1, "--n-pretrainings", 1, "--replicates", 300, "--workers", 1, "--no-progress",
)  # fmt: skip


@pytest.fixture
def nstdb(tmp_path):
    """Half a minute of each noise in the layout of the Noise Stress Test Database."""
    folder = tmp_path / "nstdb"
    folder.mkdir()
    for seed, name in enumerate(NOISES):
        noise_mv = np.random.default_rng(seed).normal(0, 0.3, (30 * 360, 2))
        wfdb.wrsamp(name, 360, ["mV"] * 2, ["noise1", "noise2"], noise_mv, fmt=["16"] * 2, write_dir=str(folder))
    return folder


@pytest.fixture
def small_networks(monkeypatch):
    """Two steps of a small network instead of the presets."""
    small = partial(
        ExperimentOptions, encoder=EncoderOptions(encoder="cnn", encoder_width=4), training=RunTrainingOptions(steps=2)
    )
    monkeypatch.setattr(robustness, "ExperimentOptions", small)


def test_a_run_scores_clean_and_corrupted_records_and_reports(ssrl_ecg, data_flags, nstdb, small_networks, tmp_path):
    out = tmp_path / "out"
    words = (*WORDS, *data_flags, "--nstdb", nstdb, "--out", out)
    outcome = ssrl_ecg(*words)
    assert outcome.code == 0, outcome
    assert "criteria, no label against supervised: " in outcome.out
    results = json.loads((out / "results.json").read_text())
    assert {row["model"] for row in results["scores"]} == {"supervised", "supervised with noise", "criteria, no label"}
    assert {row["corruption"] for row in results["scores"]} == {"clean", "masking", "nstdb-bw"}
    assert results["failed"] == {}
    assert json.loads((out / "run.json").read_text())["status"] == "finished"
    written = {path.name for path in out.iterdir()}
    assert {"report.html", "records.csv", "robustness.json", "identities.json", "leakage.csv", "figures"} <= written
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    assert ssrl_ecg(*words).code == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}


def test_without_recorded_noise_its_corruptions_are_left_out(data_flags):
    options = robustness.parse(
        robustness.RobustnessOptions, [*data_flags, "--methods"], "ssrl-ecg benchmark robustness"
    )
    families = robustness.robustness(options).families
    assert "masking" in families
    assert not any(name.startswith("nstdb") for name in families)


def test_mistakes_end_in_one_line_and_nothing_is_written(refused, data_flags, tmp_path):
    words = (*WORDS, *data_flags, "--out", tmp_path / "out")
    assert "nowhere/bw.hea" in refused(*words, "--nstdb", tmp_path / "nowhere")
    assert "expected recording bw (--nstdb FOLDER), found none" in refused(*words, "--corruptions", "nstdb-bw")
    assert "invalid choice" in refused(*words, "--corruptions", "gremlins").lower()
    assert "replicates" in refused(*words, "--replicates", 10)
    assert not (tmp_path / "out").exists()
