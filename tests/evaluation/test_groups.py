import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.evaluation.groups import FEWEST, Group, fold_groups, group_score
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores


@pytest.fixture
def cohort():
    """240 records in two folds; class b has 25 positives in fold 1 and FEWEST - 1 in fold 2, class c none in fold 2."""
    random = np.random.default_rng(5)
    folds = np.repeat([1, 2], 120)
    targets = np.zeros((240, 3), dtype=np.uint8)
    targets[::2, 0] = 1
    targets[:25, 1] = targets[:30, 2] = 1
    targets[120 : 120 + FEWEST - 1, 1] = 1
    scores = targets + random.normal(0, 1, (4, 240, 3))
    return EvaluatedRecords(targets, np.arange(240), folds, ("a", "b", "c")), ModelScores(scores)


def judge(cohort, group):
    return group_score(
        *cohort, group, name="x", label_fraction=0.5, generator=np.random.default_rng(0), n_replicates=200
    )


def test_a_group_is_judged_on_its_own_records(cohort):
    records, model = cohort
    first, second = fold_groups(records.folds)
    assert (first.characteristic, first.name, second.name) == ("fold", "1", "2")
    score = judge(cohort, first)
    expected = {
        name: np.mean([roc_auc_score(records.targets[:120, k], cell[:120, k]) for cell in model.scores])
        for k, name in enumerate("abc")
    }
    assert {name: one.auroc for name, one in score.per_class.items()} == pytest.approx(expected)
    assert score.macro_auroc == pytest.approx(np.mean(list(expected.values())))
    assert score.interval[0] < score.macro_auroc < score.interval[1]
    assert (score.n_records, score.name, score.label_fraction) == (120, "x", 0.5)


def test_nothing_is_claimed_of_a_class_with_too_few_positives_but_its_count(cohort):
    score = judge(cohort, fold_groups(cohort[0].folds)[1])
    assert {name: one.n_positives for name, one in score.per_class.items()} == {"a": 60, "b": FEWEST - 1, "c": 0}
    assert np.isnan([score.per_class["b"].auroc, score.per_class["b"].lo, score.per_class["c"].auroc]).all()
    assert score.macro_auroc == score.per_class["a"].auroc


def test_nor_of_one_with_too_few_negatives(cohort):
    records, model = cohort
    turned = EvaluatedRecords(1 - records.targets, records.patients, records.folds, records.classes)
    score = judge((turned, model), fold_groups(records.folds)[1])
    assert np.isnan(score.per_class["b"].auroc)
    assert score.per_class["b"].n_positives == 120 - FEWEST + 1


def test_a_group_in_which_nothing_can_be_claimed_has_counts_alone(cohort):
    score = judge(cohort, Group("sex", "female", np.arange(240) < 10))
    assert np.isnan([score.macro_auroc, *score.interval]).all()
    assert (score.n_records, score.per_class["a"].n_positives) == (10, 5)


def test_one_test_fold_is_no_group():
    assert fold_groups([9, 9, 9]) == []
