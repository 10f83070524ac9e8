from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from ssrl_ecg.evaluation.figures import (
    curve_with_intervals,
    draw_figure,
    figure_bytes,
    figure_style,
    forest_plot,
    grouped_bars,
    line_styles,
)

NAMES = ("SimCLR", "BYOL", "Supervised", "MiniRocket", "Random")
STYLES = line_styles(NAMES, ("MiniRocket", "Random"))
LOG = partial(curve_with_intervals, x="fraction", log_x=True, styles=STYLES)


def curve_frame(**values):
    return pd.DataFrame(
        {"series": name, "fraction": fraction, "value": value, "low": value - 0.02, "high": value + 0.03}
        for name, row in values.items()
        for fraction, value in zip((0.01, 0.1, 1.0), row, strict=False)
    )


def test_curve_draws_the_tables_values_and_intervals_on_a_log_axis():
    frame = curve_frame(SimCLR=(0.77, 0.86, 0.91), Random=(0.64, 0.74, 0.80))
    axes = draw_figure(frame, partial(LOG, tick_labels={0.01: "1 %"})).axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1 %", "0.1", "1"]
    for container, (name, part) in zip(axes.containers, frame.groupby("series", sort=False), strict=True):
        line, _, (bars,) = container
        np.testing.assert_allclose(line.get_xydata()[:, 1], part["value"])
        np.testing.assert_allclose(line.get_xydata()[:, 0], part["fraction"], rtol=0.03)
        ends = np.array([path.vertices[:, 1] for path in bars.get_paths()])
        np.testing.assert_allclose(ends, part[["low", "high"]])
        assert to_hex(line.get_color()) == STYLES[name].color


def test_series_without_labels_is_a_level_line_with_a_band():
    level = pd.DataFrame({"series": ["Random"], "fraction": [0.0], "value": [0.8], "low": [0.7], "high": [0.85]})
    axes = draw_figure(pd.concat([curve_frame(SimCLR=(0.77, 0.86, 0.91)), level]), LOG).axes[0]
    line = next(one for one in axes.lines if one.get_label() == "_Random")
    np.testing.assert_allclose(line.get_ydata(), 0.8)
    (band,) = axes.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.7, 0.85))
    assert {text.get_text() for text in axes.texts} == {"SimCLR", "Random"}


def test_names_at_the_lines_ends_keep_their_order_and_never_overlap():
    values = {"SimCLR": 0.900, "BYOL": 0.901, "Supervised": 0.902, "MiniRocket": 0.899, "Random": 0.7}
    figure = draw_figure(curve_frame(**{name: (0.6, 0.7, value) for name, value in values.items()}), LOG)
    figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in figure.axes[0].texts}
    ordered = sorted(boxes, key=lambda name: boxes[name].y0)
    assert ordered == sorted(values, key=values.get)
    for lower, upper in pairwise(ordered):
        assert boxes[lower].y1 <= boxes[upper].y0 + 1


def test_undefined_values_and_series_that_stop_early_are_drawn_as_far_as_they_go():
    frame = curve_frame(SimCLR=(0.77, 0.86), Random=(math.nan, math.nan, math.nan), BYOL=(0.7, math.nan, 0.8))
    assert {text.get_text() for text in draw_figure(frame, LOG).axes[0].texts} == {"SimCLR", "BYOL"}


def test_panels_share_one_legend_that_names_what_is_only_in_a_later_one():
    frame = pd.DataFrame(
        {"wave": ["P", "P", "T", "T"], "series": ["a", "a", "b", "b"], "x": [1, 2, 1, 2], "value": [0.1, 0.2, 0.3, 0.4]}
    )
    figure = draw_figure(frame, curve_with_intervals, panel="wave")
    assert [axes.get_title() for axes in figure.axes] == ["P", "T"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def forest_frame():
    return pd.DataFrame(
        {
            "group": ["10 labels", "10 labels", "all"],
            "label": ["A", "B", "A"],
            "value": [0.02, -0.01, math.nan],
            "low": [0.01, -0.03, math.nan],
            "high": [0.03, 0.01, math.nan],
        }
    )


def test_forest_plot_lists_rows_under_headings_with_their_numbers():
    axes = draw_figure(forest_frame(), forest_plot).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["10 labels", "A", "B", "all", "A"]
    texts = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in axes.texts]
    assert texts == ["+0.020 [+0.010, +0.030]", "−0.010 [−0.030, +0.010]", "undefined"]
    spans = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2][:2]
    np.testing.assert_allclose(spans, [[0.01, 0.03], [-0.03, 0.01]])
    assert axes.yaxis_inverted()


def test_forest_marks_are_filled_where_the_interval_excludes_the_reference_or_the_table_says_so():
    def filled(draw, frame):
        marks = [line for line in draw_figure(frame, draw).axes[0].lines if line.get_marker() == "s"]
        return [mark.get_markerfacecolor() != "white" for mark in marks]

    assert filled(forest_plot, forest_frame()) == [True, False, False]
    told = forest_frame().assign(real=[False, True, False])
    assert filled(partial(forest_plot, filled="real"), told) == [False, True, False]


def test_forest_grows_with_its_rows():
    long = pd.concat([forest_frame()] * 20)
    heights = [draw_figure(frame, forest_plot).get_figheight() for frame in (forest_frame(), long)]
    assert heights[1] > 5 * heights[0]


def test_bars_stand_on_the_bottom_with_intervals_and_missing_pairs_leave_gaps():
    frame = pd.DataFrame(
        {
            "group": ["P", "P", "QRS"], "series": ["a", "b", "b"], "value": [0.7, 0.8, 0.9],
            "low": [0.6, 0.7, 0.85], "high": [0.75, 0.9, 0.95],
        }
    )  # fmt: skip
    axes = draw_figure(frame, partial(grouped_bars, bottom=0.5)).axes[0]
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches]
    np.testing.assert_allclose(bars, [(0.5, 0.7), (0.5, 0.8), (0.5, 0.9)])
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in axes.patches] == [0, 0, 1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["P", "QRS"]


def test_many_bars_are_told_apart_and_their_names_fit():
    names = [f"a rather long name of row number {number}" for number in range(14)]
    figure = draw_figure(pd.DataFrame({"group": "P", "series": names, "value": 0.5}), grouped_bars)
    bars = figure.axes[0].patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == len(bars) == len(names)
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_gives_the_same_bytes(kind):
    def draw():
        with figure_style():
            return figure_bytes(draw_figure(forest_frame(), forest_plot), kind)

    assert draw() == draw()
