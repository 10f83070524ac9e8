from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.effect_sizes import cliffs_delta, cohens_dz, hedges_g, paired_effect


def test_dz_is_scipys_paired_t_over_the_root_of_n(rng):
    first, second = rng.normal(0.5, 1, (2, 14))
    assert cohens_dz(first - second) == pytest.approx(stats.ttest_rel(first, second).statistic / np.sqrt(14))


@pytest.mark.parametrize("n", [5, 10, 30])
def test_hedges_takes_out_the_bias_that_dz_has(rng, n):
    differences = rng.normal(0.8, 1, (100_000, n))
    assert hedges_g(differences).mean() == pytest.approx(0.8, abs=0.01)
    assert cohens_dz(differences).mean() > 0.8 * (1 + 0.5 / n)
    gamma_form = math.gamma((n - 1) / 2) / (math.sqrt((n - 1) / 2) * math.gamma((n - 2) / 2))
    np.testing.assert_allclose(hedges_g(differences), gamma_form * cohens_dz(differences))
    assert gamma_form == pytest.approx(1 - 3 / (4 * n - 5), rel=0.01)


def test_cliffs_delta_counts_cross_pairs(rng):
    first, second = rng.integers(0, 6, (3, 8)), rng.integers(1, 5, (3, 11))
    slow = [np.mean([np.sign(one - other) for one in a for other in b]) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(cliffs_delta(first, second), slow)
    u_statistic = stats.mannwhitneyu(first[0], second[0]).statistic
    assert (cliffs_delta(first[0], second[0]) + 1) / 2 == pytest.approx(u_statistic / (8 * 11))


def test_the_report_holds_the_three_with_intervals_that_hold_them(rng):
    second = rng.normal(0.8, 0.05, 20)
    first = second + rng.normal(0.02, 0.02, 20)
    first[3] = np.nan
    effect = paired_effect(first, second, generator=rng)
    kept = ~np.isnan(first)
    assert effect.n_pairs == 19
    assert effect.cohens_dz.estimate == pytest.approx(cohens_dz((first - second)[kept]))
    assert effect.hedges_g.estimate == pytest.approx(hedges_g((first - second)[kept]))
    assert effect.cliffs_delta.estimate == pytest.approx(cliffs_delta(first[kept], second[kept]))
    for interval in (effect.cohens_dz, effect.hedges_g, effect.cliffs_delta):
        assert interval.low < interval.estimate < interval.high
    json.dumps(effect.to_dict(), allow_nan=False)


def test_swapped_models_turn_the_sign(rng):
    first, second = rng.normal(0.1, 1, (2, 15))
    one, other = (
        paired_effect(*pair, generator=np.random.default_rng(1)) for pair in ((first, second), (second, first))
    )
    assert one.hedges_g.estimate == pytest.approx(-other.hedges_g.estimate)
    assert (one.cliffs_delta.low, one.cliffs_delta.high) == pytest.approx(
        (-other.cliffs_delta.high, -other.cliffs_delta.low)
    )


def test_equal_differences_have_no_unit(rng):
    effect = paired_effect([3, 4, 5, 6, 7], [1, 2, 3, 4, 5], generator=rng)
    assert np.isnan(effect.cohens_dz.estimate)
    assert effect.hedges_g.to_dict()["low"] is None
    assert effect.cliffs_delta.estimate == pytest.approx((19 - 3) / 25)


@pytest.mark.parametrize(
    ("second", "match"),
    [([0.1] * 5, "not paired"), ([0.1, 0.2, 0.3, 0.4, np.nan, np.nan], "too few pairs.*found 4")],
)
def test_what_are_no_pairs_is_refused(rng, second, match):
    with pytest.raises(InputError, match=match):
        paired_effect([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], second, generator=rng)
