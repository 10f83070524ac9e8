from __future__ import annotations

import json
import math

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.run_list import list_runs
from ssrl_ecg.training.history import write_history
from ssrl_ecg.training.run import run_record


def write_run(folder, started, **more):
    folder.mkdir(parents=True)
    record = {
        "status": "finished",
        "command": ["ssrl-ecg", "run", "--data", "x"],
        "started": started,
        "wall_time_s": 90,
    }
    (folder / "run.json").write_text(json.dumps(record | more))


def test_runs_are_found_below_and_listed_latest_first(tmp_path):
    write_run(tmp_path / "old", "2026-01-01T10:00:00+00:00")
    write_run(tmp_path / "deep" / "er" / "new", "2026-02-01T10:00:00+00:00")
    (tmp_path / "none").mkdir()
    assert [run.folder.name for run in list_runs(tmp_path)] == ["new", "old"]
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(InputError, match="no such folder"):
        list_runs(tmp_path / "missing")


def test_what_a_run_wrote_is_what_is_listed(tmp_path):
    words = ["ssrl-ecg", "pretrain", "simclr", "--data", "x"]
    with pytest.raises(KeyError), run_record(tmp_path / "r", command=words, config={}, seed=1, data={}):
        raise KeyError("lost")
    (run,) = list_runs(tmp_path)
    assert (run.command, run.status, run.headline) == ("pretrain simclr", "failed: 'lost'", "")
    assert run.wall_time_s >= 0
    assert run.started.startswith("20")


def test_a_comparison_is_known_by_its_best_row_with_most_labels(tmp_path):
    write_run(tmp_path / "r", "")
    rows = [("a", 0.1, 0.95), ("b", 1.0, 0.81), ("c", 1.0, 0.9), ("d", 1.0, None)]
    table = [{"name": name, "label_fraction": share, "macro_auroc": score} for name, share, score in rows]
    (tmp_path / "r" / "results.json").write_text(json.dumps({"rows": table}))
    assert list_runs(tmp_path)[0].headline == "macro AUROC 0.900 (c) at 100 % labels"


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        ([{"loss": 2.0, "auroc_validation": 0.8}, {"loss": 1.0, "auroc_validation": 0.7}], "validation AUROC 0.800"),
        ([{"loss": 2.0, "auroc_validation": math.nan}], "loss 2"),
        ([{"loss": 2.0, "knn_auroc": 0.6}, {"loss": 1.0, "knn_auroc": 0.7}], "kNN AUROC 0.7"),
        ([], ""),
    ],
)
def test_a_training_is_known_by_its_history(rows, headline, tmp_path):
    write_run(tmp_path / "r", "")
    write_history(tmp_path / "r" / "history.csv", [{"epoch": float(n), **row} for n, row in enumerate(rows)])
    assert list_runs(tmp_path)[0].headline == headline


@pytest.mark.parametrize("content", ["", "{", "[]", '{"command": 7, "wall_time_s": "long", "status": null}', "\xff"])
def test_damaged_records_are_listed_and_stop_nothing(content, tmp_path):
    write_run(tmp_path / "good", "2026-01-01")
    write_run(tmp_path / "bad", "")
    (tmp_path / "bad" / "run.json").write_bytes(content.encode("latin-1"))
    (tmp_path / "bad" / "results.json").write_text('{"rows": [1, {"macro_auroc": "x"}]}')
    good, bad = list_runs(tmp_path)
    assert (good.folder.name, good.headline) == ("good", "")
    assert (bad.folder.name, bad.headline) == ("bad", "")
    assert math.isnan(bad.wall_time_s)
