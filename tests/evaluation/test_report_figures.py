from __future__ import annotations

import dataclasses
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.evaluation.figure_files import draw_files
from ssrl_ecg.evaluation.figures import draw_figure, line_styles
from ssrl_ecg.evaluation.report_figures import report_figures


@pytest.fixture(scope="module")
def figures(report_data):
    found = report_figures(report_data)
    return {figure.name: figure for part in found.values() for figure in part}


def test_parts_of_the_page_have_their_figures(report_data, figures):
    assert list(figures) == [
        "label-fractions", "differences", "roc-10pct", "pr-10pct", "reliability-10pct", "training-1-simclr-pretraining",
    ]  # fmt: skip
    bare = dataclasses.replace(report_data, rows=report_data.rows[:1], comparisons=(), curves=(), training=())
    assert not any(report_figures(bare).values())


def test_csv_is_what_is_drawn(figures):
    """Every line of the calibration plots has the points of the CSV, class by class."""
    figure = figures["reliability-10pct"]
    table = pd.read_csv(BytesIO(draw_files(figure)["csv"]))
    drawn = draw_figure(figure.frame, figure.draw, figure.panel)
    assert [axes.get_title() for axes in drawn.axes] == list(table["class"].unique())
    for axes in drawn.axes:
        lines = {line.get_label(): line.get_xydata() for line in axes.lines if not line.get_label().startswith("_")}
        part = table[table["class"] == axes.get_title()]
        assert list(lines) == list(part["series"].unique())
        for name, points in lines.items():
            np.testing.assert_allclose(points, part.loc[part["series"] == name, ["predicted", "observed"]])


def test_differences_are_the_reports(report_data, figures):
    frame = figures["differences"].frame
    assert len(frame) == len(report_data.comparisons)
    expected = {(f"{one.a} against {one.b}", one.difference, one.lo, one.hi) for one in report_data.comparisons}
    assert set(frame[["comparison", "difference", "low", "high"]].itertuples(index=False, name=None)) == expected
    assert frame["is_different"].sum() == sum(one.verdict in ("better", "worse") for one in report_data.comparisons)


def test_rows_keep_their_style_in_all_figures(report_data, figures):
    styles = line_styles(report_data.row_names, report_data.floors)
    for name in ("label-fractions", "roc-10pct", "reliability-10pct"):
        assert figures[name].draw.keywords["styles"] == styles


def test_risk_coverage_is_drawn_where_it_is_known(report_data):
    curve = {"SimCLR, fine-tuned": {"MI": ((0.5, 1.0), (0.1, 0.2))}}
    curves = dataclasses.replace(report_data.curves[0], roc={}, pr={}, reliability={}, risk_coverage=curve)
    (figure,) = report_figures(dataclasses.replace(report_data, curves=(curves,)))["curves"]
    assert figure.name == "risk-coverage-10pct"
    np.testing.assert_allclose(figure.frame[["coverage", "risk"]], [(0.5, 0.1), (1.0, 0.2)])


def test_only_the_six_most_frequent_classes_are_shown_and_the_caption_says_so(report_data):
    many = {f"class {place}": ((0.0, 1.0), (0.0, 1.0)) for place in range(9)}
    curves = dataclasses.replace(report_data.curves[0], roc={"SimCLR, fine-tuned": many}, pr={}, reliability={})
    (figure,) = report_figures(dataclasses.replace(report_data, curves=(curves,)))["curves"]
    assert figure.frame["class"].nunique() == 6
    assert "6 most frequent of 9 classes" in figure.caption


def test_series_that_share_a_prefix_share_a_plot(figures):
    frame = figures["training-1-simclr-pretraining"].frame
    assert set(frame.loc[frame["plot"] == "loss", "series"]) == {"train", "validation"}
