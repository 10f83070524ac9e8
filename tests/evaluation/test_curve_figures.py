from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.evaluation import curve_figures
from ssrl_ecg.evaluation.figures import draw_figure, line_styles

X = np.linspace(0, 1, 11)


def frame_of(x, y, **more):
    parts = [{"series": name, x: X, y: X**power, **more} for name, power in (("SimCLR", 0.3), ("Random", 0.8))]
    return pd.concat([pd.DataFrame(part) for part in parts])


def lines_of(frame, draw):
    return {line.get_label(): line for line in draw_figure(frame, draw).axes[0].lines}


def test_roc_curves_are_the_tables_with_the_diagonal_of_chance():
    drawn = lines_of(frame_of("false_positive_rate", "sensitivity"), curve_figures.roc_curves)
    np.testing.assert_allclose(drawn["SimCLR"].get_xydata(), np.stack([X, X**0.3], axis=1))
    np.testing.assert_allclose(drawn["_chance"].get_xydata(), [(0, 0), (1, 1)])


def test_precision_recall_marks_the_prevalence_where_it_is_known():
    frame = frame_of("recall", "precision")
    known = lines_of(frame.assign(prevalence=0.46), curve_figures.precision_recall_curves)
    np.testing.assert_allclose(known["_chance"].get_ydata(), 0.46)
    assert "_chance" not in lines_of(frame, curve_figures.precision_recall_curves)


def test_reliability_marks_its_bins():
    drawn = lines_of(frame_of("predicted", "observed"), curve_figures.reliability_curves)
    assert drawn["SimCLR"].get_marker() == line_styles(["SimCLR"])["SimCLR"].marker


def test_risk_axis_ends_a_little_above_the_highest_risk():
    axes = draw_figure(frame_of("coverage", "risk").assign(risk=0.2), curve_figures.risk_coverage_curves).axes[0]
    assert axes.get_ylim() == pytest.approx((0, 0.21))


def test_training_curves_bridge_what_was_not_logged():
    frame = pd.DataFrame(
        {"series": ["train"] * 3 + ["val"] * 3, "epoch": [1, 2, 3] * 2, "value": [3, 2, 1, math.nan, 2.5, math.nan]}
    )
    drawn = lines_of(frame, curve_figures.training_curves)
    np.testing.assert_allclose(drawn["train"].get_xydata(), [(1, 3), (2, 2), (3, 1)])
    np.testing.assert_allclose(drawn["val"].get_xydata(), [(2, 2.5)])
