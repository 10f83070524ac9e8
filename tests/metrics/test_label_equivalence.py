"""Label equivalence against a closed form, a search over a fine grid, and a loop over replicates."""

import json

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.label_equivalence import equivalent_fraction, label_equivalence

FRACTIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def by_grid_search(score, fractions, curve):
    """The smallest point of a fine grid at which the curve's best non-decreasing fit, drawn over log x, is high enough.

    The fit is the max-min formula: at point k the largest, over starts up to k, of the smallest mean from there to any
    end from k on.
    """
    n = len(curve)
    fit = [max(min(np.mean(curve[i : j + 1]) for j in range(k, n)) for i in range(k + 1)) for k in range(n)]
    grid = np.linspace(np.log(fractions[0]), np.log(fractions[-1]), 20_001)
    drawn = np.interp(grid, np.log(fractions), fit)
    reached = np.flatnonzero(drawn >= score - 1e-12)
    if score < fit[0]:
        return 0.0
    return float(np.exp(grid[reached[0]])) if len(reached) else np.inf


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3])
def test_a_head_start_on_a_logarithmic_curve_is_a_factor_on_labels(fraction):
    """Without: a + b log x; with: c more. Then x labels with are x exp(c / b) labels without."""
    curve = [0.9 + 0.03 * np.log(one) for one in FRACTIONS]
    with_pretraining = 0.9 + 0.03 * np.log(fraction) + 0.02
    assert equivalent_fraction(with_pretraining, FRACTIONS, curve) == pytest.approx(fraction * np.exp(0.02 / 0.03))


def test_curves_that_go_up_and_down_are_read_as_by_search():
    rng = np.random.default_rng(1)
    for _ in range(40):
        curve = 0.7 + 0.03 * np.arange(6) + rng.normal(0, 0.03, 6)
        score = rng.uniform(curve.min() - 0.02, curve.max() + 0.02)
        assert equivalent_fraction(score, FRACTIONS, curve) == pytest.approx(
            by_grid_search(score, FRACTIONS, curve), rel=1e-3
        )


def test_where_the_curve_is_flat_the_fewest_labels_count():
    assert equivalent_fraction(0.8, (0.1, 0.2, 0.4, 1.0), (0.7, 0.8, 0.8, 0.9)) == 0.2


def test_outside_the_curve_there_is_no_equivalent():
    curve = (0.7, 0.8)
    assert equivalent_fraction(0.69, (0.1, 1.0), curve) == 0
    assert equivalent_fraction(0.81, (0.1, 1.0), curve) == np.inf
    assert np.isnan(equivalent_fraction(np.nan, (0.1, 1.0), curve))
    assert np.isnan(equivalent_fraction(0.7, (0.1, 1.0), (0.7, np.nan)))
    assert (equivalent_fraction(0.7, (0.1, 1.0), curve), equivalent_fraction(0.8, (0.1, 1.0), curve)) == (0.1, 1.0)


def test_the_interval_is_that_of_the_replicates_read_one_by_one():
    rng = np.random.default_rng(2)
    curve = np.array([0.7, 0.76, 0.8, 0.84, 0.87, 0.9])
    curves, scores = curve + rng.normal(0, 0.004, (999, 6)), 0.82 + rng.normal(0, 0.004, 999)
    found = label_equivalence(0.05, 0.82, scores, FRACTIONS, curve, curves, level=0.9)
    loop = sorted(by_grid_search(score, FRACTIONS, one) for score, one in zip(scores[:99], curves[:99], strict=True))
    some = label_equivalence(0.05, 0.82, scores[:99], FRACTIONS, curve, curves[:99], level=0.9)
    assert (some.low, some.high) == (pytest.approx(loop[4], rel=1e-3), pytest.approx(loop[94], rel=1e-3))
    assert found.low < found.equivalent < found.high
    assert found.sentence.startswith("5 % with = 15.8 % without [")


def test_an_interval_that_leaves_the_curve_is_open_and_says_so():
    curve = np.array([0.7, 0.8])
    scores = np.linspace(0.75, 0.84, 100)
    found = label_equivalence(0.1, 0.79, scores, (0.1, 1.0), curve, np.tile(curve, (100, 1)))
    assert found.high == np.inf
    assert found.sentence.endswith("more than 100 %]")
    better = label_equivalence(0.1, 0.9, scores + 0.1, (0.1, 1.0), curve, np.tile(curve, (100, 1)))
    assert better.sentence == "10 % with = more than 100 % without [more than 100 %, more than 100 %]"
    written = json.loads(json.dumps(better.to_dict(), allow_nan=False))
    assert (written["equivalent"], written["low"], written["high"]) == (None, None, None)
    worse = label_equivalence(0.1, 0.6, scores - 0.2, (0.1, 1.0), curve, np.tile(curve, (100, 1)))
    assert (worse.to_dict()["equivalent"], worse.text(worse.equivalent)) == (None, "less than 10 %")


@pytest.mark.parametrize(
    ("fractions", "curve", "match"),
    [
        ((0.1,), (0.7,), "two or more"),
        ((0.1, 0.1), (0.7, 0.8), "ascending"),
        ((0.0, 0.1), (0.7, 0.8), "above 0"),
        ((0.1, 1.0), (0.7, 0.8, 0.9), "one score per label fraction"),
    ],
)
def test_what_is_no_curve_is_refused(fractions, curve, match):
    with pytest.raises(InputError, match=match):
        equivalent_fraction(0.8, fractions, curve)


def test_replicates_of_another_sample_are_refused():
    with pytest.raises(InputError, match="other replicates"):
        label_equivalence(0.1, 0.8, np.zeros(5), (0.1, 1.0), (0.7, 0.8), np.zeros((6, 2)))
