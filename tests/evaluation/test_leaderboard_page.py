from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.leaderboard import Leaderboard, read_leaderboard, write_leaderboard
from ssrl_ecg.evaluation.leaderboard_page import write_leaderboard_page
from ssrl_ecg.evaluation.report_data import Curves
from ssrl_ecg.evaluation.report_scores import Comparison, Row

AUROC = {("SimCLR", "method"): 0.80, ("supervised", "supervised"): 0.78, ("rocket", "floor"): 0.85}
RUN = {"command": ["ssrl-ecg", "benchmark", "leaderboard"], "seed": 42}


def make_row(name, family, fraction, auroc):
    return Row(
        name=name, family=family, label_fraction=fraction, n_labels=round(1488 * fraction), macro_auroc=auroc,
        interval=(auroc - 0.02, auroc + 0.01), per_class={}, n_subsets=1, n_seeds=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def board():
    rows = [
        make_row(name, family, fraction, auroc + 0.1 * fraction)
        for fraction in (0.1, 1.0)
        for (name, family), auroc in AUROC.items()
    ]
    differences = tuple(
        Comparison(
            a="SimCLR", b="rocket", label_fraction=fraction, difference=-0.05, lo=-0.07, hi=-0.03, p=0.001,
            p_holm=0.002, verdict="worse",
        )
        for fraction in (0.1, 1.0)
    )  # fmt: skip
    return Leaderboard(
        rows=(make_row("criteria", "floor", 0.0, 0.7), *rows),
        knowledge={"SimCLR": False, "supervised": False, "rocket": False, "criteria": True},
        references={question: {"0.1": "rocket", "1": "rocket"} for question in ("signals alone", "with knowledge")},
        comparisons={"signals alone": differences, "with knowledge": ()},
        processor_s={"simclr-42": 160.0},
        curves=(Curves(label_fraction=0.1, risk_coverage={"SimCLR": {"MI": ((0.5, 1.0), (0.1, 0.2))}}),),
    )


def test_leaderboard_is_read_back_as_it_was_written(board, tmp_path):
    write_leaderboard(board, RUN, tmp_path / "leaderboard.json")
    assert read_leaderboard(tmp_path / "leaderboard.json") == (board, RUN)


@pytest.mark.parametrize("tree", [[], {"rows": []}, {"run": {}, "rows": []}, {"run": {}, "references": {"other": {}}}])
def test_other_files_are_refused_by_name(tree, tmp_path):
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(InputError, match=r"leaderboard\.json"):
        read_leaderboard(path)


def test_page_ranks_the_rows_of_each_amount_of_labels_and_names_their_cells(board, tmp_path):
    page = write_leaderboard_page(board, RUN, tmp_path).read_text(encoding="utf-8")
    for expected in ("With 149", "With 1,488", "Cost of pretraining", "signals alone", "cells/simclr/10pct-*.npz"):
        assert expected in page
    assert "with clinical knowledge, against" not in page  # nothing was compared
    table = pd.read_csv(tmp_path / "tables/standings-10pct.csv")
    assert list(table["row"]) == ["rocket", "SimCLR", "supervised", "criteria"]
    np.testing.assert_allclose(table["macro_auroc"], [0.86, 0.81, 0.79, 0.7])
    best = pd.read_csv(tmp_path / "tables/best.csv")
    assert list(best["row"]) == ["criteria", *("SimCLR", "supervised", "rocket") * 2]
    assert [path.stem for path in (tmp_path / "figures").glob("risk*.csv")] == ["risk-coverage-10pct"]
    drawn = pd.read_csv(tmp_path / "figures/differences-signals-alone-100pct.csv")
    assert drawn[["row", "difference", "is_different"]].to_numpy().tolist() == [["SimCLR", -0.05, True]]
