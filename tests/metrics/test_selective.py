from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.selective import risk_coverage


def slow_curve(losses, confidences):
    """Definition by loops: average over every order of the records that does not put a surer one behind."""
    orders = [
        order
        for order in permutations(range(len(losses)))
        if all(confidences[a] >= confidences[b] for a, b in pairwise(order))
    ]
    curves = [
        [sum(losses[record] for record in order[:kept]) / kept for kept in range(1, len(losses) + 1)]
        for order in orders
    ]
    return np.mean(curves, axis=0)


@pytest.mark.parametrize("n_levels", [1, 3, 100])
def test_curve_is_the_mean_over_orders_of_equally_sure_records(rng, n_levels):
    losses, confidences = rng.random(7), rng.integers(0, n_levels, 7).astype(float)
    found = risk_coverage(losses, confidences)
    expected = slow_curve(losses, confidences)
    np.testing.assert_allclose(found.risk, expected)
    np.testing.assert_allclose(found.coverage, np.arange(1, 8) / 7)
    assert found.area == pytest.approx(expected.mean())


def test_risk_of_all_records_is_the_error_rate_and_the_records_order_does_not_matter(rng):
    wrong, confidences = rng.integers(0, 2, 60), rng.integers(0, 9, 60)
    found, shuffled = risk_coverage(wrong, confidences), rng.permutation(60)
    assert found.risk[-1] == pytest.approx(wrong.mean())
    again = risk_coverage(wrong[shuffled], confidences[shuffled])
    np.testing.assert_allclose(again.risk, found.risk)
    assert again.area == pytest.approx(found.area)


def test_perfect_order_has_no_excess_and_the_area_of_the_closed_form():
    n, n_wrong = 2000, 300
    wrong = np.arange(n) >= n - n_wrong
    found = risk_coverage(wrong, -np.arange(n))
    assert found.excess_area == 0
    error = n_wrong / n  # Geifman, Uziel & El-Yaniv 2019: r + (1 - r) ln(1 - r), for many records
    assert found.area == pytest.approx(error + (1 - error) * np.log(1 - error), abs=1e-3)


def test_confidence_that_says_nothing_has_the_error_rate_everywhere():
    found = risk_coverage([0, 1, 1, 0, 0], np.ones(5))
    np.testing.assert_allclose(found.risk, 0.4)
    assert found.excess_area > 0


@pytest.mark.parametrize(
    ("losses", "confidences", "what"),
    [([], [], "same records"), ([0, 1], [0.5], "same records"), ([0.0, np.nan], [1, 2], "finite")],
)
def test_impossible_input_is_refused(losses, confidences, what):
    with pytest.raises(InputError, match=what):
        risk_coverage(losses, confidences)
