"""The report's files, and that its sentences are those of its tables."""

import json

import pandas as pd

from ssrl_ecg.evaluation.cells import Failure, write_failure
from ssrl_ecg.evaluation.robustness.report import report_robustness


def test_report_has_every_table_and_figure_as_files(results_folder):
    answers = report_robustness(results_folder, {"command": ["test"], "seed": 1}, n_replicates=120)
    page = (results_folder / "report.html").read_text(encoding="utf-8")
    for name in ("scores", "families", "noise_transforms", "against_reference", "masking", "lead-swap"):
        assert len(pd.read_csv(results_folder / "tables" / f"{name}.csv"))
    for kind in ("png", "svg", "csv"):
        assert len(list((results_folder / "figures").glob(f"*.{kind}"))) == 8
    swapped = pd.read_csv(results_folder / "tables" / "lead-swap.csv", index_col="model")
    scores = pd.read_csv(results_folder / "tables" / "scores.csv").set_index(["model", "corruption", "severity"])
    assert swapped.loc["supervised", "LA-RA"] == scores.loc[("supervised", "lead-swap", "LA-RA"), "auroc"]
    assert all(answer.split(":")[0] in page for answer in answers)
    saved = json.loads((results_folder / "results.json").read_text())
    assert saved["answers"] == answers
    assert {len(saved["scores"]), 3 * 11} == {3 * 11}


def test_answers_name_pairs_and_verdicts(results_folder):
    answers = report_robustness(results_folder, {}, n_replicates=400)
    assert answers[0].startswith("SimCLR with noise frozen probe against SimCLR frozen probe: loses less under")
    assert "lead-swap" in answers[0]
    assert [answer.split(" against ")[1].split(":")[0] for answer in answers[1:]] == ["supervised", "supervised"]


def test_failures_are_told(results_folder):
    write_failure(results_folder, Failure("supervised", "clean", "id", "scores are not finite"))
    report_robustness(results_folder, {}, n_replicates=120)
    page = (results_folder / "report.html").read_text(encoding="utf-8")
    assert "Failed: supervised (scores are not finite)" in page
