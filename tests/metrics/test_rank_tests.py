from __future__ import annotations

import json
from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.rank_tests import critical_difference, friedman, holm_against, nemenyi

#: AUROC of four decision trees on 14 data sets: table 6 of Demsar (2006), whose text works the example out.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.978, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
TREES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


def names(n, letter="d"):
    return [f"{letter}{number}" for number in range(n)]


@pytest.fixture
def trees():
    return friedman(DEMSAR, data_sets=names(14), methods=TREES)


def test_demsars_example_ranks_and_critical_differences(trees):
    assert list(trees.average_ranks.values()) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert critical_difference(trees) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(trees, 0.9) == pytest.approx(1.12, abs=0.005)
    uncorrected = 12 * 14 / 20 * (sum(rank**2 for rank in trees.average_ranks.values()) - 4 * 25 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.005)
    assert trees.chi_squared > uncorrected  # the paper does not correct for ties


def test_demsars_example_against_a_control(trees):
    """z = 2.416, 2.342 and 0.512, p = 0.016, 0.019 and 0.609: times 3, 2 and 1, never decreasing."""
    corrected = holm_against(trees, "C4.5")
    assert corrected["C4.5+m+cf"] == corrected["C4.5+m"] == pytest.approx(3 * 2 * stats.norm.sf(2.416), rel=2e-3)
    assert corrected["C4.5+cf"] == pytest.approx(0.609, abs=1e-3)


def test_the_statistics_are_scipys_and_the_anova_of_the_ranks(rng):
    values = np.round(rng.normal(size=(12, 4)) + np.array([0, 0.3, 0.6, 0.9]), 1)
    values[0, 0] = values[0, 1]
    found = friedman(values, data_sets=names(12), methods=names(4, "m"))
    assert found.chi_squared == pytest.approx(stats.friedmanchisquare(*values.T).statistic)
    ranks = stats.rankdata(-values, axis=1)
    methods = 12 * ((ranks.mean(axis=0) - 2.5) ** 2).sum()
    rest = ((ranks - 2.5) ** 2).sum() - methods
    f_statistic = (methods / 3) / (rest / 33)
    assert found.f_statistic == pytest.approx(f_statistic)
    assert found.p_value == pytest.approx(1 - stats.f.cdf(f_statistic, 3, 33))
    json.dumps(found.to_dict(), allow_nan=False)


def test_nemenyi_agrees_with_its_critical_difference_and_the_published_table(trees):
    """q of table 5 in Demsar (2006): 2.569 for four methods at 5 %, so a gap of exactly that has p = 0.05."""
    assert critical_difference(trees) == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)
    pairs = nemenyi(trees)
    assert len(pairs) == 6
    for (one, other), p_value in pairs.items():
        gap = abs(trees.average_ranks[one] - trees.average_ranks[other])
        for level in (0.85, 0.9, 0.95):
            assert (p_value <= 1 - level) == (gap >= critical_difference(trees, level))


@pytest.mark.parametrize("tied", [False, True])
def test_few_data_sets_are_counted_out(rng, tied):
    """Against every one of the 3!^4 tables, each with SciPy's statistic."""
    values = rng.normal(size=(4, 3)) + np.arange(3)
    if tied:
        values[1, 0] = values[1, 1]
    observed = stats.friedmanchisquare(*values.T).statistic
    tables = product(*(list(permutations(block)) for block in values))
    statistics = np.array([stats.friedmanchisquare(*np.transpose(table)).statistic for table in tables])
    found = friedman(values, data_sets=names(4), methods=names(3, "m"))
    assert found.p_value == pytest.approx((statistics >= observed - 1e-9).mean())


def test_exact_p_is_that_of_the_published_table():
    """Friedman (1937), three methods on four data sets: chi-squared 6.5 has p = 0.042, 8 has 0.0046."""
    rows = [[1, 2, 3]] * 3
    found = friedman([*rows, [2, 1, 3]], data_sets=names(4), methods=names(3, "m"))
    assert (found.chi_squared, found.p_value) == (pytest.approx(6.5), pytest.approx(0.042, abs=5e-4))
    assert friedman([*rows, rows[0]], data_sets=names(4), methods=names(3, "m")).p_value == pytest.approx(6 / 6**4)


def test_exact_and_f_agree_where_they_meet(rng):
    values = rng.normal(size=(10, 4)) + np.array([0, 0, 0.5, 0.5])
    found = friedman(values, data_sets=names(10), methods=names(4, "m"))
    assert found.p_value == pytest.approx(stats.f.sf(found.f_statistic, 3, 27), abs=0.02)


def test_agreement_of_all_and_ties_of_all():
    agreed = friedman(np.arange(3) + np.zeros((4, 1)), data_sets=names(4), methods=names(3, "m"))
    assert agreed.f_statistic == np.inf
    assert list(agreed.average_ranks.values()) == [3, 2, 1]
    tied = friedman(np.zeros((4, 3)), data_sets=names(4), methods=names(3, "m"))
    assert tied.p_value == 1.0
    assert np.isnan(tied.chi_squared)


@pytest.mark.parametrize(
    ("shape", "data_sets", "match"),
    [
        ((2, 3), names(2), "field data_sets, expected 3 or more, found 2"),
        ((3, 2), names(3), "field methods, expected 3 or more, found 2"),
        ((4, 3), ["ptbxl", "ludb", "ptbxl", "ptbxl"], "not independent.*found ptbxl"),
        ((4, 3), names(3), "one value per data set and method"),
    ],
)
def test_what_are_no_independent_data_sets_is_refused(rng, shape, data_sets, match):
    with pytest.raises(InputError, match=match) as refused:
        friedman(rng.random(shape), data_sets=data_sets, methods=names(shape[1], "m"))
    assert "\n" not in str(refused.value)


def test_an_undefined_value_is_named(rng):
    values = rng.random((4, 3))
    values[2, 1] = np.nan
    with pytest.raises(InputError, match="m1 on d2"):
        friedman(values, data_sets=names(4), methods=names(3, "m"))


def test_a_control_that_was_not_ranked_is_refused(trees):
    with pytest.raises(InputError, match="field control"):
        holm_against(trees, "C5")
    with pytest.raises(InputError, match="level"):
        critical_difference(trees, 0.0)
