"""``ssrl-ecg benchmark mitbih`` on a small MIT-BIH: every kind of row, resumed, with records left out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.evaluation.cells import cell_path
from ssrl_ecg.evaluation.transfer import arms
from ssrl_ecg.evaluation.transfer.report import make_tables

N_REPLICATES = 1000


@pytest.fixture(scope="module")
def run(mitbih, encoder_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    words = ["benchmark", "mitbih", "--data", str(mitbih), "--encoders", f"SimCLR={encoder_file}", "--no-minirocket"]
    words += ["--steps", "2", "--batch-size", "8", "--replicates", str(N_REPLICATES), "--no-progress"]
    return [*words, "--out", str(out)], out


def test_every_row_has_its_cells_and_what_is_left_out_is_listed(run, capsys):
    words, out = run
    assert main(words) == 3  # most of the 44 records are not there
    said = capsys.readouterr().out
    assert "left out: 109" in said
    results = json.loads((out / "results.json").read_text())
    rows = [
        "SimCLR, frozen",
        "SimCLR, frozen, and forest",
        "SimCLR, fine-tuned",
        "supervised from scratch",
        "random encoder, frozen",
        "random encoder, frozen, and forest",
        "random forest",
    ]
    assert list(dict.fromkeys(line["row"] for line in results["scores"])) == rows
    assert len(results["scores"]) == len(rows) * 2 * 2
    assert len(results["comparisons"]) == 6 * 2 * 2 * 2
    assert results["undefined"]["DS2"] == ["F", "Q"]
    assert len(results["left_out"]) == 37
    assert json.loads((out / "run.json").read_text())["status"] == "finished"
    page = (out / "report.html").read_text()
    assert "Records that carry a class" not in said
    assert "DS2, no patient of DS1" in page


def test_tables_follow_from_the_cells_alone_and_a_second_run_computes_nothing(run):
    words, out = run
    cell = cell_path(out, "random forest", "rr-42")
    before, results = cell.stat().st_mtime_ns, json.loads((out / "results.json").read_text())
    assert main(words) == 3
    assert cell.stat().st_mtime_ns == before
    tables = make_tables(out, N_REPLICATES)
    found = tables.scores["V_f1"].fillna(-1).tolist()
    assert found == pytest.approx([-1 if line["V_f1"] is None else line["V_f1"] for line in results["scores"]])


def test_a_row_that_diverges_fails_alone_and_the_report_names_it(run, tmp_path, capsys, monkeypatch):
    words, out = run
    copy = shutil.copytree(out, tmp_path / "copy")
    cell_path(copy, "supervised from scratch", "rr-42").unlink()
    monkeypatch.setattr(arms, "beat_log_probabilities", lambda *given: np.full((len(given[-1]), 4), np.nan))
    assert main([*words, "--out", str(copy)]) == 3
    assert "failed: supervised from scratch, rr-42: scores are not finite" in capsys.readouterr().out
    (failed,) = json.loads((copy / "results.json").read_text())["failed"]
    assert failed.startswith("supervised from scratch: 1 failed and count in no row (rr-42): scores are not finite")
    assert "What failed" in (copy / "report.html").read_text()
    assert "What failed" not in (out / "report.html").read_text()


def test_a_folder_of_other_settings_is_left_as_it_is(run, tmp_path, capsys):
    words, out = run
    copy = shutil.copytree(out, tmp_path / "copy")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert main([*words, "--steps", "3", "--out", str(copy)]) == 2
    assert "made by other settings" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--encoders", "nowhere.safetensors"], "NAME=CHECKPOINT"),
        (["--encoders", "A=nowhere.safetensors"], "no such checkpoint"),
        (["--finetuned", "BYOL"], "no such encoder"),
        (["--replicates", "100"], "replicates"),
        (["--data", "nowhere"], "folder of MIT-BIH is missing"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(run, tmp_path, capsys, flags, said):
    words, _ = run
    assert main([*words, *flags, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
