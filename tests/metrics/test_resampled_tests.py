from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import holm_corrected
from ssrl_ecg.metrics.resampled_tests import corrected_t_test


@pytest.fixture
def pair(rng):
    first = rng.normal(0.8, 0.02, 10)
    return first, first - rng.normal(0.03, 0.02, 10)


def test_it_is_scipys_paired_t_with_the_corrected_variance(pair):
    found = corrected_t_test(*pair, n_train=1400, n_test=300)
    t = stats.ttest_rel(*pair).statistic * np.sqrt((1 / 10) / (1 / 10 + 300 / 1400))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 9))
    assert found.interval.estimate / found.interval.se == pytest.approx(t)
    assert found.interval.estimate == pytest.approx((pair[0] - pair[1]).mean())


def test_it_follows_the_formula_of_nadeau_and_bengio_by_hand():
    """Differences 1, 2, 3, 4, 5 hundredths, 10 % test: mean 3, s^2 2.5, t = 3 / sqrt((1/5 + 1/9) 2.5) = 3.4017."""
    found = corrected_t_test(np.arange(1, 6) / 100, np.zeros(5), n_train=90, n_test=10)
    assert found.interval.estimate / found.interval.se == pytest.approx(3.4017, abs=1e-4)
    assert found.p_value == pytest.approx(0.0272, abs=1e-4)
    assert found.verdict == "better"


def test_a_split_without_a_value_is_left_out_for_both(pair):
    first, second = (values.copy() for values in pair)
    first[2], second[7] = np.nan, np.nan
    rest = np.delete(np.arange(10), [2, 7])
    assert corrected_t_test(first, second, n_train=7, n_test=2) == corrected_t_test(
        first[rest], second[rest], n_train=7, n_test=2
    )


def test_equal_models_do_not_differ_and_a_constant_gain_is_undefined():
    values = [0.8, 0.9, 0.7]
    assert corrected_t_test(values, values, n_train=7, n_test=2).verdict == "no difference"
    assert corrected_t_test([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], n_train=7, n_test=2).verdict == "undefined"


def test_holm_takes_them_as_a_family(pair):
    gain = corrected_t_test(*pair, n_train=1400, n_test=300)
    undefined = corrected_t_test([np.nan], [0.1], n_train=1400, n_test=300)
    corrected = holm_corrected({"a": gain, "b": gain, "c": undefined})
    assert corrected["a"].p_holm == pytest.approx(2 * gain.p_value)
    assert corrected["c"].p_holm is None


@pytest.mark.parametrize(
    ("second", "sizes", "match"),
    [
        ([0.1, 0.2, 0.3], {"n_train": 7, "n_test": 2}, "same splits"),
        ([0.1, 0.2], {"n_train": 0, "n_test": 2}, "n_train"),
        ([0.1, 0.2], {"n_train": 7, "n_test": -1}, "n_test"),
    ],
)
def test_what_are_no_splits_is_refused(second, sizes, match):
    with pytest.raises(InputError, match=match):
        corrected_t_test([0.3, 0.4], second, **sizes)
