from __future__ import annotations

import ast
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import percentile_interval, replicate_values, resampled, stratified_bootstrap
from ssrl_ecg.metrics.delong import delong
from ssrl_ecg.metrics.multilabel import auroc, average_precision, decide, threshold_statistic
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores, Resamples, draw_resamples

CLASSES = ("NORM", "MI", "HYP")
SUBSETS = (0, 0, 1, 2)


@pytest.fixture
def records(rng):
    patients = np.repeat(np.arange(150), 2)
    targets = (rng.random((300, 3)) < [0.5, 0.3, 0.15]).astype(np.uint8)
    return EvaluatedRecords(targets, patients, 7 + patients // 50, CLASSES)


@pytest.fixture
def model(records, rng):
    """Four cells, the first two being seeds of one subset; coarse scores, so that many tie."""
    return ModelScores(np.round(records.targets + rng.normal(size=(4, 300, 3)), 1), SUBSETS)


def _score_normals(rng, n, separation=1.0):
    target = (rng.random(n) < 0.4).astype(np.uint8)
    return target[:, np.newaxis], (separation * target + rng.normal(size=n))[:, np.newaxis]


@pytest.mark.parametrize(
    ("statistic", "reference"), [(auroc, roc_auc_score), (average_precision, average_precision_score)]
)
def test_replicates_are_those_of_naive_resampling(records, model, rng, statistic, reference):
    resamples = draw_resamples(records, 3, 6, rng)
    found = replicate_values(records, model, statistic, resamples)
    for replicate, counts in enumerate(resamples.record_counts):
        by_subset = {subset: [] for subset in SUBSETS}
        for subset, scores in zip(SUBSETS, model.scores, strict=True):
            folds = []
            for fold in (7, 8, 9):
                rows = [row for row in range(300) if records.folds[row] == fold for _ in range(counts[row])]
                folds.append(reference(records.targets[rows], scores[rows], average=None))
            by_subset[subset].append(np.mean(folds, axis=0))
        drawn = np.repeat([0, 1, 2], resamples.subset_counts[replicate])
        slow = np.mean([np.mean(by_subset[subset], axis=0) for subset in drawn], axis=0)
        np.testing.assert_allclose(found[replicate], slow)


def test_any_metric_can_be_bootstrapped_by_repeating_records(records, model, rng):
    resamples = draw_resamples(records, 3, 5, rng)
    slow = resampled(lambda targets, scores: roc_auc_score(targets, scores, average=None))
    np.testing.assert_allclose(
        replicate_values(records, model, slow, resamples), replicate_values(records, model, auroc, resamples)
    )


def test_estimates_are_fold_means_and_the_macro_is_their_mean(records, model, rng):
    result = stratified_bootstrap(records, model, generator=rng, n_replicates=50)
    for column, name in enumerate(CLASSES):
        cells = [
            np.mean(
                [
                    roc_auc_score(records.targets[records.folds == fold, column], scores[records.folds == fold, column])
                    for fold in (7, 8, 9)
                ]
            )
            for scores in model.scores
        ]
        expected = np.mean([np.mean(cells[:2]), cells[2], cells[3]])
        assert result.per_class[name].estimate == pytest.approx(expected)
    assert result.macro.estimate == pytest.approx(np.mean([item.estimate for item in result.per_class.values()]))
    assert result.macro.low < result.macro.estimate < result.macro.high
    assert (result.sampling.n_records, result.sampling.n_patients, result.sampling.n_subsets) == (300, 150, 3)
    assert result.undefined == ()
    assert result.sampling.notes == ()
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_same_generator_gives_the_same_interval(records, model):
    first, again = (
        stratified_bootstrap(records, model, generator=np.random.default_rng(3), n_replicates=30) for _ in range(2)
    )
    assert first == again


def test_a_rare_class_is_said_and_left_out_beside(records, model, rng):
    targets = records.targets.copy()
    targets[:, 2] = 0
    targets[[3, 120, 290], 2] = 1
    rare = EvaluatedRecords(targets, records.patients, records.folds, CLASSES)
    result = stratified_bootstrap(rare, model, generator=rng, n_replicates=100)
    assert result.sampling.rare == ("HYP",)
    assert "HYP" in result.sampling.notes[0]
    assert result.per_class["HYP"].n_replicates == 100
    two = [result.per_class[name].estimate for name in ("NORM", "MI")]
    assert result.macro_without_rare is not None
    assert result.macro_without_rare.estimate == pytest.approx(np.mean(two))
    assert result.macro.estimate == pytest.approx(np.mean([*two, result.per_class["HYP"].estimate]))


def test_a_class_missing_in_one_fold_is_averaged_over_the_others(records, model, rng):
    targets = records.targets.copy()
    targets[records.folds == 8, 1] = 0
    partial = EvaluatedRecords(targets, records.patients, records.folds, CLASSES)
    single = ModelScores(model.scores[0])
    result = stratified_bootstrap(partial, single, generator=rng, n_replicates=50)
    expected = np.mean(
        [
            roc_auc_score(targets[records.folds == fold, 1], single.scores[0, records.folds == fold, 1])
            for fold in (7, 9)
        ]
    )
    assert result.per_class["MI"].estimate == pytest.approx(expected)
    assert result.sampling.undefined_in_folds == {"8": ("MI",)}
    assert "fold 8: MI" in result.sampling.notes[0]


def test_a_class_missing_everywhere_is_undefined_and_in_no_macro(records, model, rng):
    targets = records.targets.copy()
    targets[:, 1] = 0
    result = stratified_bootstrap(
        EvaluatedRecords(targets, records.patients, records.folds, CLASSES), model, generator=rng, n_replicates=20
    )
    assert result.undefined == ("MI",)
    assert np.isnan(result.per_class["MI"].estimate)
    assert result.per_class["MI"].n_replicates == 0
    assert result.macro.n_replicates == 20
    assert result.macro.estimate == pytest.approx(
        np.mean([result.per_class[name].estimate for name in ("NORM", "HYP")])
    )
    assert result.to_dict()["per_class"]["MI"]["low"] is None


def test_decisions_give_intervals_of_metrics_at_thresholds(records, model, rng):
    decisions = ModelScores(np.stack([decide(scores, 0.5) for scores in model.scores]), SUBSETS)
    result = stratified_bootstrap(
        records, decisions, generator=rng, statistic=threshold_statistic("sensitivity"), n_replicates=100
    )
    assert 0 < result.macro.low < result.macro.estimate < result.macro.high < 1


def test_identical_subsets_add_no_uncertainty(records, model):
    one = ModelScores(model.scores[0])
    many = ModelScores(np.repeat(model.scores[:1], 5, axis=0))
    alone, repeated = (
        stratified_bootstrap(records, cells, generator=np.random.default_rng(0), n_replicates=40)
        for cells in (one, many)
    )
    assert repeated.macro.estimate == pytest.approx(alone.macro.estimate)
    assert repeated.macro.se == pytest.approx(alone.macro.se)


def test_scores_of_other_records_are_refused(records, rng):
    with pytest.raises(InputError, match="not of the evaluated records"):
        stratified_bootstrap(records, ModelScores(rng.random((299, 3))), generator=rng)
    with pytest.raises(InputError, match="level"):
        percentile_interval(0.0, np.zeros(3), 95.0)


def test_percentiles_and_undefined_replicates_by_hand():
    interval = percentile_interval(0.5, np.append(np.linspace(0, 1, 101), np.nan), 0.9)
    assert (interval.low, interval.high) == pytest.approx((0.05, 0.95))
    assert interval.n_replicates == 101
    assert interval.bias == pytest.approx(0)
    assert not interval.off_centre


def test_off_centre_replicates_are_moved_by_their_bias_but_not_out_of_0_to_1():
    moved = percentile_interval(0.3, np.linspace(0.1, 0.9, 101), 0.9)
    assert moved.off_centre
    assert moved.bias == pytest.approx(0.2)
    assert (moved.low, moved.high) == pytest.approx((0.0, 0.86 - 0.2))
    assert percentile_interval(0.3, np.linspace(-0.1, 1.1, 101), 0.9).low == pytest.approx(-0.04 - 0.2)
    mirrored = percentile_interval(0.7, np.linspace(0.1, 0.9, 101), 0.9)
    assert (mirrored.low, mirrored.high) == pytest.approx((0.14 + 0.2, 1.0))


def test_average_precision_of_many_rare_classes_lies_in_its_interval(rng):
    """Repeated positives lift every replicate; plain percentiles would end up above the estimate."""
    targets = (rng.random((300, 15)) < 0.04).astype(np.uint8)
    scores = ModelScores(targets + rng.normal(size=targets.shape))
    records = EvaluatedRecords(targets, np.arange(300), np.zeros(300), tuple(f"c{column}" for column in range(15)))
    macro = stratified_bootstrap(records, scores, generator=rng, statistic=average_precision, n_replicates=200).macro
    assert macro.off_centre
    assert macro.low < macro.estimate < macro.high < macro.estimate + macro.bias + 2 * macro.se


def test_standard_errors_agree_with_delong(rng):
    target, score = _score_normals(rng, 500)
    records = EvaluatedRecords(target, np.arange(500), np.zeros(500), ("MI",))
    interval = stratified_bootstrap(records, ModelScores(score), generator=rng, n_replicates=2000).macro
    area, covariance = delong(target[:, 0], score)
    assert interval.estimate == pytest.approx(area[0])
    assert interval.se == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.08)
    assert abs(interval.bias) < interval.se / 10


def test_repeated_records_of_a_patient_do_not_narrow_the_interval(rng):
    target, score = _score_normals(rng, 200)
    once = EvaluatedRecords(target, np.arange(200), np.zeros(200), ("MI",))
    patients = np.repeat(np.arange(200), 3)
    thrice = EvaluatedRecords(np.repeat(target, 3, axis=0), patients, np.zeros(600), ("MI",))
    single, tripled = (
        stratified_bootstrap(which, ModelScores(scores), generator=rng, n_replicates=1500).macro.se
        for which, scores in ((once, score), (thrice, np.repeat(score, 3, axis=0)))
    )
    assert tripled == pytest.approx(single, rel=0.1)


@pytest.mark.real_data
def test_all_statements_of_the_sample_stay_defined_in_every_replicate(ptbxl_root, rng):
    """Rare statements are many there: 37 of 71 have fewer than ten positives in folds 7-9."""
    table = pd.read_csv(ptbxl_root / "ptbxl_database.csv", usecols=["patient_id", "scp_codes", "strat_fold"])
    table = table[table.strat_fold.between(7, 9)]
    codes = table.scp_codes.map(ast.literal_eval)
    classes = tuple(sorted({code for record in codes for code in record}))
    targets = np.array([[name in record for name in classes] for record in codes], dtype=np.uint8)
    records = EvaluatedRecords(targets, table.patient_id, table.strat_fold, classes)
    result = stratified_bootstrap(records, ModelScores(rng.random(targets.shape)), generator=rng, n_replicates=200)
    defined_somewhere = {
        name
        for column, name in enumerate(classes)
        if any(np.ptp(targets[rows, column]) for rows in records.fold_rows().values())
    }
    assert set(classes) - set(result.undefined) == defined_somewhere
    assert {result.per_class[name].n_replicates for name in defined_somewhere} == {200}
    assert abs(result.macro.bias) < result.macro.se / 4
    assert {name for name in classes if targets[:, classes.index(name)].sum() < 10} <= set(result.sampling.rare)


def test_intervals_cover_the_true_auroc():
    """Normal scores one SD apart have AUROC Phi(1 / sqrt 2); 300 samples of 120 patients in two folds."""
    rng = np.random.default_rng(11)
    truth, covered = norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(300):
        target, score = _score_normals(rng, 120)
        records = EvaluatedRecords(target, np.arange(120), np.arange(120) % 2, ("MI",))
        interval = stratified_bootstrap(records, ModelScores(score), generator=rng, n_replicates=200).macro
        covered += interval.low <= truth <= interval.high
    assert 0.89 <= covered / 300 <= 0.985


def test_two_way_intervals_cover_where_patients_alone_do_not():
    """Models of ten subsets differ in skill; the truth is the mean AUROC over all subsets and patients."""
    rng = np.random.default_rng(12)
    truth = np.mean(norm.cdf(rng.normal(1, 0.5, size=200_000) / np.sqrt(2)))
    covered = {"two-way": 0, "patients": 0}
    for _ in range(100):
        target = (rng.random(200) < 0.4).astype(np.uint8)[:, np.newaxis]
        skill = rng.normal(1, 0.5, size=(10, 1, 1))
        model = ModelScores(skill * target + rng.normal(size=(10, 200, 1)))
        records = EvaluatedRecords(target, np.arange(200), np.zeros(200), ("MI",))
        resamples = draw_resamples(records, 10, 200, rng)
        fixed = Resamples(resamples.record_counts, np.ones_like(resamples.subset_counts), 0)
        for name, drawn in (("two-way", resamples), ("patients", fixed)):
            replicates = replicate_values(records, model, auroc, drawn)[:, 0]
            interval = percentile_interval(replicates.mean(), replicates, 0.95)
            covered[name] += interval.low <= truth <= interval.high
    assert covered["two-way"] / 100 >= 0.86
    assert covered["patients"] / 100 <= 0.7
