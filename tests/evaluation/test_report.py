from __future__ import annotations

import dataclasses
import json

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation import report
from ssrl_ecg.evaluation.report import read_results, write_report


@pytest.fixture
def report_data(report_data):
    """The shared report without its slowest pictures."""
    return dataclasses.replace(report_data, curves=(), training=())


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writes_page_and_figures_and_reads_the_numbers_back(report_data, tmp_path):
    page = write_report(report_data, tmp_path / "runs" / "demo")
    assert page == tmp_path / "runs" / "demo" / "report.html"
    figures = {
        f"figures/{name}.{kind}" for name in ("label-fractions", "differences") for kind in ("csv", "png", "svg")
    }
    assert files_below(page.parent).keys() == {"report.html", "results.json"} | figures
    again = read_results(page.with_name("results.json"))
    assert again.to_dict() == report_data.to_dict()
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_page_can_be_made_again_from_the_results_alone(report_data, tmp_path):
    write_report(report_data, tmp_path)
    again = write_report(read_results(tmp_path / "results.json"), tmp_path / "again")
    assert "What was run" in again.read_text(encoding="utf-8")


def test_numbers_in_json_are_exact_and_null_where_undefined(report_data, tmp_path):
    write_report(report_data, tmp_path)
    tree = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert tree["rows"][0]["macro_auroc"] == report_data.rows[0].macro_auroc
    assert tree["rows"][0]["per_class"]["RARE"]["auroc"] is None
    assert tree["run"]["config"]["limit"] is None


def test_failure_while_rendering_leaves_the_earlier_report_alone(report_data, tmp_path, monkeypatch):
    write_report(report_data, tmp_path)
    before = files_below(tmp_path)
    monkeypatch.setattr(report, "make_page", lambda data, style: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(report_data, tmp_path)
    assert files_below(tmp_path) == before


def test_unreadable_results_end_in_one_line(report_data, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / "results.json")
    broken = tmp_path / "broken.json"
    broken.write_text('{"title": ', encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        read_results(broken)
    tree = report_data.to_dict()
    del tree["rows"][0]["n_seeds"]
    broken.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.json: missing key .*rows\[0\]\.n_seeds"):
        read_results(broken)
