from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import brunnermunzel
from sklearn.metrics import roc_auc_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import holm_corrected, paired_bootstrap
from ssrl_ecg.metrics.delong import delong, delong_test
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores

CLASSES = ("NORM", "MI")


@pytest.fixture
def records(rng):
    patients = np.repeat(np.arange(120), 2)
    targets = (rng.random((240, 2)) < [0.5, 0.25]).astype(np.uint8)
    return EvaluatedRecords(targets, patients, 7 + patients // 40, CLASSES)


@pytest.fixture
def models(records, rng):
    """Two models of three cells, the last two of which are seeds of one subset."""
    shared = records.targets + rng.normal(size=(240, 2))
    scores = shared + 0.5 * rng.normal(size=(2, 3, 240, 2))
    return ModelScores(scores[0], ("a", "b", "b")), ModelScores(scores[1], ("a", "b", "b"))


def test_delong_is_the_covariance_of_the_placements_counted_pair_by_pair(rng):
    target = rng.integers(0, 2, 60)
    scores = np.round(target[:, np.newaxis] + rng.normal(size=(60, 2)), 1)
    areas, covariance = delong(target, scores)
    np.testing.assert_allclose(areas, [roc_auc_score(target, scores[:, model]) for model in range(2)])
    kernel = np.array(
        [
            [[(p > n) + 0.5 * (p == n) for n in scores[target == 0, model]] for p in scores[target == 1, model]]
            for model in range(2)
        ]
    )
    slow = np.cov(kernel.mean(axis=2)) / kernel.shape[1] + np.cov(kernel.mean(axis=1)) / kernel.shape[2]
    np.testing.assert_allclose(covariance, slow)


def test_paired_standard_errors_agree_with_delong(rng):
    target = rng.integers(0, 2, 400)
    shared = target + rng.normal(size=400)
    scores = np.stack([shared + 0.6 * rng.normal(size=400) for _ in range(2)], axis=1)
    evaluated = EvaluatedRecords(target[:, np.newaxis], np.arange(400), np.zeros(400), ("MI",))
    first, second = (ModelScores(scores[:, [model]]) for model in range(2))
    interval = paired_bootstrap(evaluated, first, second, generator=rng, n_replicates=2000).macro.interval
    covariance = delong(target, scores)[1]
    difference = np.array([1, -1])
    assert interval.se == pytest.approx(np.sqrt(difference @ covariance @ difference), rel=0.08)


def test_delong_needs_two_of_each_kind():
    with pytest.raises(InputError, match="two positives"):
        delong([1, 0, 0], [[0.1], [0.2], [0.3]])
    with pytest.raises(InputError, match="positives of 1 and negatives of 2 patients"):
        delong([1, 1, 0, 0], [[0.1], [0.2], [0.3], [0.4]], ["a", "a", "a", "b"])


def test_patients_with_several_records_follow_obuchowskis_sums(rng):
    """S10/m + S01/n + 2 S11/(m n) of Obuchowski (1997), patient by patient."""
    patients = rng.integers(0, 25, 80)
    target = rng.integers(0, 2, 80)
    score = target + rng.normal(size=25)[patients] + rng.normal(size=80)
    areas, covariance = delong(target, score[:, np.newaxis], patients)
    kernel = score[target == 1][:, np.newaxis] > score[target == 0]
    m, n = kernel.shape
    placed = {1: kernel.mean(axis=1) - areas[0], 0: kernel.mean(axis=0) - areas[0]}
    sums = {
        side: [placed[side][patients[target == side] == patient].sum() for patient in np.unique(patients)]
        for side in (0, 1)
    }
    n_with = {side: len(np.unique(patients[target == side])) for side in (0, 1)}
    s10 = n_with[1] / ((n_with[1] - 1) * m) * sum(value**2 for value in sums[1])
    s01 = n_with[0] / ((n_with[0] - 1) * n) * sum(value**2 for value in sums[0])
    n_patients = len(np.unique(patients))
    s11 = n_patients / (n_patients - 1) * sum(a * b for a, b in zip(sums[1], sums[0], strict=True))
    assert covariance[0, 0] == pytest.approx(s10 / m + s01 / n + 2 * s11 / (m * n))


def test_a_copy_of_every_record_is_no_new_evidence(rng):
    target = np.r_[np.ones(30), np.zeros(40)].astype(int)
    scores = target[:, np.newaxis] + rng.normal(size=(70, 2))
    twice = np.repeat(np.arange(70), 2)
    area, once = delong(target, scores)
    area_of_copies, copied = delong(target[twice], scores[twice], twice)
    np.testing.assert_allclose(area_of_copies, area)
    np.testing.assert_allclose(copied, once)
    assert np.all(np.diag(delong(target[twice], scores[twice])[1]) < 0.6 * np.diag(once))


def test_the_test_agrees_with_the_paired_bootstrap(records, models, rng):
    tested = delong_test(records, *models)
    drawn = paired_bootstrap(
        records, *(ModelScores(model.scores[:1]) for model in models), generator=rng, n_replicates=1500
    )
    single = delong_test(records, *(ModelScores(model.scores[:1]) for model in models))
    averaged = paired_bootstrap(records, *models, generator=rng, n_replicates=50)
    for name in CLASSES:
        assert tested.per_class[name].interval.estimate == pytest.approx(averaged.per_class[name].interval.estimate)
        assert single.per_class[name].interval.se == pytest.approx(drawn.per_class[name].interval.se, rel=0.12)
        assert single.per_class[name].p_value == pytest.approx(drawn.per_class[name].p_value, abs=0.06)
    json.dumps(tested.to_dict(), allow_nan=False)


def test_the_test_is_the_contrast_of_the_covariance(rng):
    target = rng.integers(0, 2, (50, 1))
    scores = target + rng.normal(size=(2, 50, 1))
    records = EvaluatedRecords(target, np.arange(50), np.zeros(50), ("MI",))
    found = delong_test(records, *(ModelScores(one) for one in scores)).per_class["MI"]
    areas, covariance = delong(target[:, 0], scores[:, :, 0].T)
    assert found.interval.estimate == pytest.approx(areas[0] - areas[1])
    assert found.interval.se == pytest.approx(np.sqrt([1, -1] @ covariance @ [1, -1]))


def test_degrees_of_freedom_are_brunner_and_munzels():
    """Against a model without skill the test is theirs of one area against one half."""
    rng = np.random.default_rng(3)
    target = np.r_[np.ones(9), np.zeros(25)].astype(int)[:, np.newaxis]
    score = 0.7 * target + rng.normal(size=(34, 1))
    records = EvaluatedRecords(target, np.arange(34), np.zeros(34), ("MI",))
    found = delong_test(records, ModelScores(score), ModelScores(np.zeros((34, 1)))).per_class["MI"]
    expected = brunnermunzel(score[target == 1], score[target == 0])
    assert found.p_value == pytest.approx(expected.pvalue)


def test_a_model_does_not_differ_from_itself_and_a_better_one_does(records, models):
    same = delong_test(records, models[0], models[0])
    assert all(one.verdict == "no difference" and one.p_value == 1 for one in same.per_class.values())
    better = ModelScores(models[0].scores + records.targets, models[0].subsets)
    assert {one.verdict for one in delong_test(records, better, models[1]).per_class.values()} == {"better"}


def test_rare_and_untested_classes_are_reported_and_stay_out_of_holms_family(records, models):
    targets = np.zeros((240, 3), dtype=np.uint8)
    targets[:, 0] = records.targets[:, 0]
    targets[[0, 1], 1] = 1  # two records of one patient
    targets[::40, 2] = 1  # two in each fold
    evaluated = EvaluatedRecords(targets, records.patients, records.folds, ("NORM", "WPW", "AFLT"))
    extra = [ModelScores(np.concatenate([one.scores, one.scores[:, :, :1]], axis=2), one.subsets) for one in models]
    found = delong_test(evaluated, *extra)
    assert found.rare == ("WPW", "AFLT")
    assert list(found.untested) == ["WPW"]
    assert "positives of 1" in found.untested["WPW"]
    assert found.per_class["WPW"].verdict == "undefined"
    assert found.per_class["AFLT"].verdict != "undefined"
    assert len(found.notes) == 2
    corrected = holm_corrected(found.per_class)
    assert corrected["WPW"].p_holm is None
    assert corrected["NORM"].p_holm is not None


def test_other_subsets_records_or_scores_are_refused(records, models):
    with pytest.raises(InputError, match="different label subsets"):
        delong_test(records, models[0], ModelScores(models[1].scores, ("a", "b", "c")))
    with pytest.raises(InputError, match="shape"):
        delong_test(records, *(ModelScores(one.scores[:, :9], one.subsets) for one in models))
    broken = ModelScores(np.where(models[0].scores > 2, np.nan, models[0].scores), models[0].subsets)
    with pytest.raises(InputError, match="not finite"):
        delong_test(records, broken, models[1])
