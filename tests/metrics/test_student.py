from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.student import TInterval, t_interval


def test_the_plain_interval_and_its_p_are_scipys(rng):
    values = rng.normal(0.2, 0.3, 12)
    found, expected = t_interval(values, level=0.9), stats.ttest_1samp(values, 0)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert found.p_of_zero() == pytest.approx(expected.pvalue)
    assert (found.estimate, found.se, found.degrees_of_freedom) == pytest.approx((values.mean(), stats.sem(values), 11))


def test_without_end_of_degrees_of_freedom_it_is_normal():
    interval = TInterval.of(2.0, 1.0)
    assert (interval.low, interval.high) == pytest.approx(stats.norm.interval(0.95, 2, 1))
    assert interval.p_of_zero() == pytest.approx(2 * stats.norm.sf(2))
    assert json.loads(json.dumps(interval.to_dict(), allow_nan=False))["degrees_of_freedom"] is None


def test_overlap_widens_by_the_square_root_of_one_plus_k_times_it(rng):
    values = rng.normal(size=10)
    plain, widened = t_interval(values), t_interval(values, overlap=0.15 / 0.7)
    assert widened.se / plain.se == pytest.approx(np.sqrt(1 + 10 * 0.15 / 0.7))
    assert widened.estimate == plain.estimate


def test_undefined_splits_are_left_out_and_show():
    with_gap = t_interval([0.8, np.nan, 0.7, 0.9])
    assert with_gap == t_interval([0.8, 0.7, 0.9])
    assert with_gap.degrees_of_freedom == 2
    single, none = t_interval([0.8, np.nan]), t_interval([np.nan])
    assert single.estimate == 0.8
    assert np.isnan([single.low, single.p_of_zero(), none.estimate, none.p_of_zero()]).all()


def test_without_scatter_nothing_can_be_said_but_of_zero():
    assert t_interval([0.0, 0.0, 0.0]).p_of_zero() == 1.0
    constant = t_interval([0.1, 0.1, 0.1])
    assert (constant.low, constant.high) == pytest.approx((0.1, 0.1))
    assert np.isnan(constant.p_of_zero())


@pytest.mark.parametrize(
    ("values", "options", "match"),
    [
        ([[0.1, 0.2]], {}, "one value per split"),
        ([0.1, 0.2], {"overlap": -0.1}, "overlap"),
        ([0.1, 0.2], {"level": 95}, "level"),
    ],
)
def test_what_is_no_list_of_splits_is_refused(values, options, match):
    with pytest.raises(InputError, match=match):
        t_interval(values, **options)
