from __future__ import annotations

import dataclasses
import json
import math

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.report import ClassScore, Curves, ReportData


def test_json_round_trip_keeps_everything_but_the_signals(report_data):
    text = json.dumps(report_data.to_dict(), allow_nan=False)
    again = ReportData.from_dict(json.loads(text))
    assert again.to_dict() == report_data.to_dict()
    assert again.rows[0].per_fold == report_data.rows[0].per_fold
    assert again.curves == report_data.curves
    assert again.comparisons == report_data.comparisons
    assert again.examples[0].signal_mv is None
    assert "signal_mv" not in text


def test_nan_is_null_in_json_and_nan_again(report_data):
    ridge = next(i for i, row in enumerate(report_data.rows) if "ridge" in row.name)
    tree = report_data.to_dict()
    assert tree["rows"][ridge]["brier"] is None
    assert math.isnan(ReportData.from_dict(tree).rows[ridge].brier)


def test_unknown_key_names_its_place(report_data):
    tree = report_data.to_dict()
    tree["rows"][2]["auc"] = 0.9
    with pytest.raises(InputError, match=r"results\.rows\[2\]\.auc"):
        ReportData.from_dict(tree)


def test_views_on_the_rows(report_data):
    assert report_data.fractions == (0.01, 0.1, 1.0)
    assert report_data.floors == ("MiniRocket + ridge", "Random encoder, probe")
    assert report_data.best_floor(0.1).name == "MiniRocket + ridge"
    assert len(report_data.at(0.1)) == 5
    only_methods = tuple(row for row in report_data.rows if row.family != "floor")
    without = dataclasses.replace(report_data, rows=only_methods, comparisons=(), curves=())
    assert without.best_floor(0.1) is None


def test_undefined_floor_is_no_best_floor(report_data):
    rows = tuple(
        dataclasses.replace(row, macro_auroc=math.nan, interval=(math.nan, math.nan)) if row.family == "floor" else row
        for row in report_data.rows
    )
    assert dataclasses.replace(report_data, rows=rows).best_floor(0.1) is None


@pytest.mark.parametrize(
    "change",
    [
        {"family": "magic"},
        {"label_fraction": 0.0},
        {"label_fraction": 1.5},
        {"macro_auroc": 1.2},
        {"interval": (0.9, 0.8)},
        {"n_subsets": 0},
        {"n_labels": 0},
    ],
)
def test_impossible_row_is_refused(report_data, change):
    with pytest.raises(InputError):
        dataclasses.replace(report_data.rows[0], **change)


@pytest.mark.parametrize("change", [{"kind": "real"}, {"title": " "}, {"data_statement": ""}, {"rows": ()}])
def test_report_that_hides_what_it_is_made_of_is_refused(report_data, change):
    with pytest.raises(InputError):
        dataclasses.replace(report_data, **change)


def test_rows_must_be_unique_and_of_one_family(report_data):
    with pytest.raises(InputError, match="twice"):
        dataclasses.replace(report_data, rows=(*report_data.rows, report_data.rows[0]))
    other = dataclasses.replace(report_data.rows[0], family="floor")
    with pytest.raises(InputError, match="two families"):
        dataclasses.replace(report_data, rows=(other, *report_data.rows[1:]))


def test_comparisons_and_curves_must_name_rows_that_exist(report_data):
    ghost = dataclasses.replace(report_data.comparisons[0], a="BYOL")
    with pytest.raises(InputError, match=r"BYOL at 0\.01"):
        dataclasses.replace(report_data, comparisons=(ghost,))
    with pytest.raises(InputError, match=r"BYOL at 0\.1"):
        dataclasses.replace(report_data, curves=(Curves(label_fraction=0.1, pr={"BYOL": {}}),))


def test_parts_check_themselves(report_data):
    with pytest.raises(InputError):
        ClassScore(auroc=0.7, lo=0.8, hi=0.6, n_positives=4)
    with pytest.raises(InputError):
        dataclasses.replace(report_data.comparisons[0], verdict="superior")
    with pytest.raises(InputError):
        dataclasses.replace(report_data.comparisons[0], lo=0.2, hi=0.1)
    with pytest.raises(InputError, match="MI"):
        dataclasses.replace(report_data.examples[0], thresholds={"NORM": 0.5, "STTC": 0.5, "CD": 0.5, "HYP": 0.5})
