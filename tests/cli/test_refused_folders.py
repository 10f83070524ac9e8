"""A results folder with cells of other settings, data or code is refused before a byte of it changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.evaluation.cells import cell_path, write_cell
from ssrl_ecg.label_scarcity_benchmark import main as label_scarcity_door

TINY = ("--encoder", "cnn", "--encoder-width", 4, "--fractions", 0.5, 1, "--repeats", 1, 1, "--floors")
SIMCLR = ("--methods", "simclr")
COMMANDS = {
    "run": (("run", *TINY), "supervised", "50pct-00", ""),
    "pretraining": (("run", *TINY), "pretraining", "simclr-42", ""),
    "leaderboard": (("benchmark", "leaderboard", *SIMCLR), "supervised", "100pct-00", ""),
    "ablation": (("benchmark", "ablation"), "random encoder probe", "100pct-00", ""),
    "robustness": (("benchmark", "robustness", *SIMCLR, "--with-noise", "simclr"), "supervised", "clean", ""),
    "label-scarcity": (
        (
            "benchmark",
            "label-scarcity",
            *TINY,
            "--no-combinations",
            "--no-whole-systems",
            "--validations",
            "fold",
            "none",
        ),
        "supervised",
        "50pct-00",
        "none",
    ),
}
"""Command -> its words, group and name of one of its cells, and the folder in OUT where that lies."""


def leave_another_run(out, group, name, track=""):
    """A cell that no run of these tests makes, beside files that every run writes."""
    write_cell(cell_path(out / track, group, name), {"x": 0}, "another identity")
    for file in ("run.json", "records.csv", "leakage.csv", "ids.json"):
        (out / file).write_text("of another run")
    return contents(out)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_of_another_run_is_left_as_it_is(refused, data_flags, tmp_path, command):
    words, group, name, track = COMMANDS[command]
    before = leave_another_run(tmp_path, group, name, track)
    assert "made by other settings, data or code" in refused(*words, *data_flags, "--out", tmp_path)
    assert contents(tmp_path) == before


def test_the_referee_leaves_it_too(refused, cohort, data_flags, tmp_path):
    ids = pd.read_csv(cohort / "ptbxl_database.csv")["ecg_id"]
    pd.DataFrame({"record_id": ids}).to_csv(tmp_path / "ids.csv", index=False)
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(len(ids), 3)).astype(np.float32))
    before = leave_another_run(tmp_path / "out", "mine", "100pct-00")
    files = ("--features", tmp_path / "mine.npy", "--ids", tmp_path / "ids.csv", "--out", tmp_path / "out")
    reason = refused("benchmark", *data_flags, *files, "--floors", "criteria")
    assert "made by other settings, data or code" in reason
    assert contents(tmp_path / "out") == before


def test_the_published_door_leaves_it_too(cohort, store_path, tmp_path, capsys):
    before = leave_another_run(tmp_path / "out", "supervised", "100pct-00", "fold")
    words = ("--data-root", cohort, "--store", store_path, "--checkpoint-dir", tmp_path / "none")
    assert label_scarcity_door([str(word) for word in (*words, "--results-dir", tmp_path / "out")]) == 2
    assert "made by other settings, data or code" in capsys.readouterr().err
    assert contents(tmp_path / "out") == before
