from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import percentile_interval, stratified_bootstrap
from ssrl_ecg.metrics.comparison import (
    Difference,
    bootstrap_p_value,
    holm,
    holm_corrected,
    paired_bootstrap,
)
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores

CLASSES = ("NORM", "MI")


@pytest.fixture
def records(rng):
    patients = np.repeat(np.arange(120), 2)
    targets = (rng.random((240, 2)) < [0.5, 0.25]).astype(np.uint8)
    return EvaluatedRecords(targets, patients, 7 + patients // 40, CLASSES)


@pytest.fixture
def weak(records, rng):
    """Three subsets of one seed each; what every cell shares is most of its noise."""
    shared = records.targets + rng.normal(size=(240, 2))
    return ModelScores(shared + 0.3 * rng.normal(size=(3, 240, 2)), ("a", "b", "c"))


@pytest.fixture
def strong(records, weak):
    return ModelScores(weak.scores + 0.5 * records.targets, weak.subsets)


def test_a_clear_gain_is_better_one_way_and_worse_the_other(records, weak, strong):
    gain, loss = (
        paired_bootstrap(records, *models, generator=np.random.default_rng(5), n_replicates=200)
        for models in ((strong, weak), (weak, strong))
    )
    assert gain.macro.verdict == "better"
    assert loss.macro.verdict == "worse"
    assert loss.macro.interval.estimate == pytest.approx(-gain.macro.interval.estimate)
    assert (loss.macro.interval.low, loss.macro.interval.high) == pytest.approx(
        (-gain.macro.interval.high, -gain.macro.interval.low)
    )
    assert loss.macro.p_value == gain.macro.p_value == 2 / 201
    assert gain.to_dict()["macro"]["verdict"] == "better"
    json.dumps(gain.to_dict(), allow_nan=False)


def test_the_difference_is_that_of_the_two_models_and_their_resamples(records, weak, strong):
    alone = [
        stratified_bootstrap(records, model, generator=np.random.default_rng(5), n_replicates=100)
        for model in (strong, weak)
    ]
    paired = paired_bootstrap(records, strong, weak, generator=np.random.default_rng(5), n_replicates=100)
    for name in CLASSES:
        estimates = [result.per_class[name].estimate for result in alone]
        biases = [result.per_class[name].bias for result in alone]
        assert paired.per_class[name].interval.estimate == pytest.approx(estimates[0] - estimates[1])
        assert paired.per_class[name].interval.bias == pytest.approx(biases[0] - biases[1])


def test_what_the_models_share_leaves_the_difference(records, weak, strong, rng):
    alone = stratified_bootstrap(records, weak, generator=rng, n_replicates=300)
    paired = paired_bootstrap(records, strong, weak, generator=rng, n_replicates=300)
    assert paired.macro.interval.se < alone.macro.se / 2


def test_a_model_does_not_differ_from_itself(records, weak, rng):
    comparison = paired_bootstrap(records, weak, weak, generator=rng, n_replicates=50)
    assert comparison.macro.verdict == "no difference"
    assert comparison.macro.p_value == 1.0
    assert comparison.macro.interval.se == 0


def test_models_may_have_other_numbers_of_seeds_but_the_same_subsets(records, weak, rng):
    doubled = ModelScores(np.repeat(weak.scores, 2, axis=0), np.repeat(weak.subsets, 2))
    comparison = paired_bootstrap(records, doubled, weak, generator=rng, n_replicates=30)
    assert comparison.macro.interval.estimate == pytest.approx(0)
    assert comparison.sampling.n_subsets == 3
    with pytest.raises(InputError, match="different label subsets"):
        paired_bootstrap(records, ModelScores(weak.scores, ("a", "b", "d")), weak, generator=rng)


def test_a_class_missing_everywhere_is_undefined(records, weak, strong, rng):
    targets = records.targets.copy()
    targets[:, 1] = 0
    half = EvaluatedRecords(targets, records.patients, records.folds, CLASSES)
    comparison = paired_bootstrap(half, strong, weak, generator=rng, n_replicates=100)
    assert comparison.per_class["MI"].verdict == "undefined"
    assert np.isnan(comparison.per_class["MI"].p_value)
    assert comparison.macro.interval.estimate == comparison.per_class["NORM"].interval.estimate
    assert comparison.macro_without_rare is not None
    corrected = holm_corrected(comparison.per_class | {"macro": comparison.macro})
    assert corrected["MI"].p_holm is None
    assert corrected["NORM"].p_holm == pytest.approx(2 * comparison.per_class["NORM"].p_value)


def test_equal_models_are_rarely_called_different():
    """Two models of equal skill and partly shared noise, over five subsets: 5 % of 200 trials, loosely."""
    rng, called = np.random.default_rng(21), 0
    for _ in range(200):
        target = (rng.random(100) < 0.4).astype(np.uint8)[:, np.newaxis]
        evaluated = EvaluatedRecords(target, np.arange(100), np.arange(100) % 2, ("MI",))
        shared = target + rng.normal(size=(100, 1))
        first, second = (ModelScores(shared + rng.normal(size=(5, 100, 1))) for _ in range(2))
        called += (
            paired_bootstrap(evaluated, first, second, generator=rng, n_replicates=100).macro.verdict != "no difference"
        )
    assert called / 200 <= 0.1


def _difference(low, high, p_value, p_holm=None):
    interval = percentile_interval((low + high) / 2, np.linspace(low, high, 1001), 0.95)
    return Difference(interval=interval, p_value=p_value, p_holm=p_holm)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (_difference(0.01, 0.03, 0.002), "better"),
        (_difference(-0.03, -0.01, 0.002), "worse"),
        (_difference(-0.01, 0.09, 0.2), "no difference"),
        (_difference(0.01, 0.03, 0.002, p_holm=0.08), "no difference"),
        (_difference(0.01, 0.03, 0.002, p_holm=0.03), "better"),
        (_difference(np.nan, np.nan, np.nan), "undefined"),
    ],
)
def test_a_gain_inside_its_interval_is_no_difference(difference, verdict):
    assert difference.verdict == verdict


@pytest.mark.parametrize(
    ("replicates", "p_value"),
    [
        ([1.0] * 99, 2 / 100),
        ([1.0] * 95 + [-1.0] * 4, 10 / 100),
        ([-1.0] * 95 + [0.0] * 4, 10 / 100),
        ([0.0] * 9, 1.0),
        ([1.0, -1.0, np.nan], 1.0),
    ],
)
def test_p_counts_the_thinner_side_and_the_sample_itself(replicates, p_value):
    assert bootstrap_p_value(replicates) == pytest.approx(p_value)


def test_no_replicate_no_p():
    assert np.isnan(bootstrap_p_value([np.nan, np.nan]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferroni_closed_over_every_subfamily(p_values):
    members = range(len(p_values))
    families = [family for size in range(1, len(p_values) + 1) for family in combinations(members, size)]
    closed = [
        max(min(1.0, len(family) * min(p_values[i] for i in family)) for family in families if member in family)
        for member in members
    ]
    np.testing.assert_allclose(holm(p_values), closed)


def test_too_few_replicates_for_the_family_are_refused():
    family = {f"row {row}": _difference(0.01, 0.03, 2 / 1002) for row in range(26)}
    with pytest.raises(InputError, match="correct 26 comparisons"):
        holm_corrected(family)
    assert len(holm_corrected(dict(list(family.items())[:25]))) == 25
    assert holm_corrected({}) == {}
