from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation import plots

NAMES = ("SimCLR", "BYOL", "Supervised", "MiniRocket", "Random")
FLOORS = ("MiniRocket", "Random")
STYLES = plots.line_styles(NAMES, FLOORS)


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def make_series(name, values):
    return plots.FractionSeries(
        name=name,
        label_fractions=(0.01, 0.1, 1.0)[: len(values)],
        values=values,
        lows=[value - 0.02 for value in values],
        highs=[value + 0.03 for value in values],
    )


def test_compared_rows_differ_in_colour_and_marker_and_floors_are_grey_dashes():
    compared = [STYLES[name] for name in NAMES if name not in FLOORS]
    assert len({style.color for style in compared}) == len({style.marker for style in compared}) == 3
    assert all(style.line == "-" for style in compared)
    for name in FLOORS:
        red, green, blue = (int(STYLES[name].color[i : i + 2], 16) for i in (1, 3, 5))
        assert red == green == blue
        assert STYLES[name].line != "-"
    assert STYLES["MiniRocket"] != STYLES["Random"]


def test_many_rows_never_share_a_style():
    styles = plots.line_styles([f"row {i}" for i in range(18)])
    assert len({(style.color, style.marker) for style in styles.values()}) == 18


def test_fraction_curve_draws_values_and_intervals_on_a_log_axis():
    series = [make_series("SimCLR", (0.77, 0.86, 0.91)), make_series("Random", (0.64, 0.74, 0.80))]
    axes = plots.label_fraction_curve(series, STYLES, {0.01: 15, 0.1: 149, 1.0: 1488}).axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1 %\n15", "10 %\n149", "100 %\n1,488"]
    for container, row in zip(axes.containers, series, strict=True):
        line, _, (bars,) = container
        np.testing.assert_allclose(line.get_xydata()[:, 1], row.values)
        np.testing.assert_allclose(line.get_xydata()[:, 0], row.label_fractions, rtol=0.03)
        ends = np.array([path.vertices[:, 1] for path in bars.get_paths()])
        np.testing.assert_allclose(ends, np.stack([row.lows, row.highs], axis=1))
        assert to_hex(line.get_color()) == STYLES[row.name].color


def test_direct_labels_keep_their_order_and_never_overlap():
    values = {"SimCLR": 0.900, "BYOL": 0.901, "Supervised": 0.902, "MiniRocket": 0.899, "Random": 0.7}
    series = [make_series(name, (0.6, 0.7, value)) for name, value in values.items()]
    figure = plots.label_fraction_curve(series, STYLES, {0.01: 15, 0.1: 149, 1.0: 1488})
    figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in figure.axes[0].texts}
    assert set(boxes) == set(NAMES)
    ordered = sorted(boxes, key=lambda name: boxes[name].y0)
    assert ordered == sorted(values, key=values.get)
    for lower, upper in pairwise(ordered):
        assert boxes[lower].y1 <= boxes[upper].y0 + 1


def test_fraction_curve_accepts_undefined_values_and_rows_that_stop_early():
    series = [make_series("SimCLR", (0.77, 0.86)), make_series("Random", (math.nan, math.nan, math.nan))]
    axes = plots.label_fraction_curve(series, STYLES, {0.01: 15, 0.1: 149, 1.0: 1488}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["SimCLR"]


def curves(*classes):
    x = np.linspace(0, 1, 11)
    return {"SimCLR": dict.fromkeys(classes, (x, x**0.3)), "Random": {classes[0]: (x, x**0.8)}}


@pytest.mark.parametrize("n_classes", [1, 3, 5])
def test_roc_panel_has_one_square_per_class_with_rows_and_chance(n_classes):
    classes = ("NORM", "MI", "STTC", "CD", "HYP")[:n_classes]
    figure = plots.roc_panel(curves(*classes), STYLES)
    assert [axes.get_title() for axes in figure.axes] == list(classes)
    drawn = lines_of(figure.axes[0])
    np.testing.assert_allclose(drawn["SimCLR"].get_ydata(), np.linspace(0, 1, 11) ** 0.3)
    np.testing.assert_allclose(drawn["_chance"].get_xydata(), [(0, 0), (1, 1)])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SimCLR", "Random"]


def test_legend_names_a_row_that_is_only_in_a_later_plot():
    x = (0.0, 1.0)
    figure = plots.roc_panel({"SimCLR": {"NORM": (x, x)}, "BYOL": {"MI": (x, x)}}, STYLES)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SimCLR", "BYOL"]


def test_pr_panel_marks_the_prevalence_where_it_is_known():
    figure = plots.pr_panel(curves("NORM", "MI"), STYLES, {"NORM": 0.46})
    np.testing.assert_allclose(lines_of(figure.axes[0])["_chance"].get_ydata(), 0.46)
    assert "_chance" not in lines_of(figure.axes[1])


def test_reliability_panel_marks_bins_and_the_diagonal():
    drawn = lines_of(plots.reliability_panel(curves("NORM"), STYLES).axes[0])
    assert drawn["SimCLR"].get_marker() == STYLES["SimCLR"].marker
    np.testing.assert_allclose(drawn["_perfect"].get_xydata(), [(0, 0), (1, 1)])


def test_training_curves_share_a_plot_by_prefix_and_skip_what_was_not_logged():
    series = {"loss/train": (3.0, 2.0, 1.0), "loss/validation": (math.nan, 2.5, math.nan), "effective rank": (1, 2, 3)}
    figure = plots.training_curves(series)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "effective rank"]
    drawn = lines_of(figure.axes[0])
    np.testing.assert_allclose(drawn["train"].get_xydata(), [(1, 3), (2, 2), (3, 1)])
    np.testing.assert_allclose(drawn["validation"].get_xydata(), [(2, 2.5)])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.label_fraction_curve([], STYLES, {}),
        lambda: plots.roc_panel({}, STYLES),
        lambda: plots.pr_panel({"SimCLR": {}}, STYLES),
        lambda: plots.training_curves({}),
    ],
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(InputError):
        draw()
