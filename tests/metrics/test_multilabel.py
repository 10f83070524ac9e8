from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.multilabel import (
    THRESHOLD_METRICS,
    Confusion,
    auroc,
    average_precision,
    decide,
    multilabel_report,
    single_label_report,
    threshold_statistic,
)

CLASSES = ("NORM", "MI", "STTC", "CD")


@pytest.fixture
def scored(rng):
    targets = (rng.random((300, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(np.uint8)
    scores = np.round(1 / (1 + np.exp(-(2.0 * targets - 1 + rng.normal(size=targets.shape)))), 2)
    return targets, scores


def test_ranking_metrics_agree_with_scikit_learn(scored):
    targets, scores = scored
    np.testing.assert_allclose(auroc(targets, scores), sk.roc_auc_score(targets, scores, average=None))
    np.testing.assert_allclose(
        average_precision(targets, scores), sk.average_precision_score(targets, scores, average=None)
    )


def test_metrics_at_thresholds_agree_with_scikit_learn(scored):
    targets, scores = scored
    thresholds = np.array([0.5, 0.4, 0.3, 0.6])
    called = scores >= thresholds
    report = multilabel_report(targets, scores, thresholds, CLASSES)
    expected = {
        "f1": lambda average: sk.f1_score(targets, called, average=average),
        "sensitivity": lambda average: sk.recall_score(targets, called, average=average),
        "ppv": lambda average: sk.precision_score(targets, called, average=average),
        # Specificity and NPV are sensitivity and PPV of the turned-over question.
        "specificity": lambda average: sk.recall_score(1 - targets, ~called, average=average),
        "npv": lambda average: sk.precision_score(1 - targets, ~called, average=average),
    }
    for metric, value in expected.items():
        np.testing.assert_allclose(list(report.per_class[metric].values()), value(None))
        assert report.macro[metric] == pytest.approx(value("macro"))
        assert report.micro[metric] == pytest.approx(value("micro"))
    for column, name in enumerate(CLASSES):
        assert report.per_class["accuracy"][name] == pytest.approx(np.mean(targets[:, column] == called[:, column]))
    assert report.micro["accuracy"] == pytest.approx(np.mean(targets == called))
    assert report.macro["auroc"] == pytest.approx(sk.roc_auc_score(targets, scores))
    assert report.undefined == {}
    assert report.n_positives == dict(zip(CLASSES, targets.sum(axis=0), strict=True))


def test_a_class_without_positives_is_named_and_in_no_macro(scored):
    targets, scores = scored
    targets[:, 1] = 0
    report = multilabel_report(targets, scores, 0.5, CLASSES)
    assert np.isnan(report.per_class["auroc"]["MI"])
    assert report.macro["auroc"] == pytest.approx(sk.roc_auc_score(targets[:, [0, 2, 3]], scores[:, [0, 2, 3]]))
    assert {metric for metric, names in report.undefined.items() if "MI" in names} == {
        "auroc",
        "auprc",
        "f1",
        "sensitivity",
    }
    assert report.to_dict()["per_class"]["auroc"]["MI"] is None
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_class_without_negatives_has_no_ranking_and_no_specificity(scored):
    targets, scores = scored
    targets[:, 2] = 1
    undefined = multilabel_report(targets, scores, 0.5, CLASSES).undefined
    assert {metric for metric, names in undefined.items() if names == ("STTC",)} >= {"auroc", "auprc", "specificity"}


def test_nothing_called_has_no_ppv_but_an_f1_of_zero(scored):
    targets, scores = scored
    report = multilabel_report(targets, scores, np.array([0.5, 0.5, 0.5, 2.0]), CLASSES)
    assert report.undefined == {"ppv": ("CD",)}
    assert report.per_class["f1"]["CD"] == 0
    assert report.per_class["sensitivity"]["CD"] == 0


def test_every_class_undefined_leaves_no_macro():
    report = multilabel_report(np.zeros((4, 2)), np.ones((4, 2)), 0.5, ("a", "b"))
    assert np.isnan(report.macro["auroc"])
    assert report.undefined["auroc"] == ("a", "b")


def test_a_binary_task_is_one_column(scored):
    targets, scores = scored[0][:, :1], scored[1][:, :1]
    report = multilabel_report(targets, scores, 0.4, ("abnormal",))
    assert report.micro == {metric: report.macro[metric] for metric in THRESHOLD_METRICS}
    assert report.macro["accuracy"] == pytest.approx(sk.accuracy_score(targets, scores >= 0.4))


def test_a_score_at_the_threshold_is_called():
    assert decide([[0.5, 0.5]], [0.5, 0.51]).tolist() == [[1, 0]]


def test_confusion_counts_records_as_often_as_they_are_drawn(scored, rng):
    targets, scores = scored
    counts = rng.integers(0, 3, size=(4, len(targets)))
    called = decide(scores, 0.5)
    weighted = Confusion.of(targets, called, counts)
    for replicate, drawn in enumerate(counts):
        repeated = Confusion.of(np.repeat(targets, drawn, axis=0), np.repeat(called, drawn, axis=0))
        for metric in THRESHOLD_METRICS:
            np.testing.assert_allclose(getattr(weighted, metric)[replicate], getattr(repeated, metric))
            np.testing.assert_allclose(
                threshold_statistic(metric)(targets, called, counts)[replicate], getattr(repeated, metric)
            )


def test_scores_are_not_taken_for_decisions(scored):
    with pytest.raises(InputError, match="decisions"):
        Confusion.of(*scored)
    with pytest.raises(InputError, match="no such metric"):
        threshold_statistic("auroc")


def test_single_label_metrics_agree_with_scikit_learn(rng):
    label = rng.integers(0, 4, size=200)
    scores = rng.dirichlet(np.ones(4), size=200) + 0.3 * np.eye(4)[label]
    report = single_label_report(np.eye(4)[label], scores, CLASSES)
    called = scores.argmax(axis=1)
    assert report.accuracy == pytest.approx(sk.accuracy_score(label, called))
    assert report.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(label, called))
    per_class = [sk.roc_auc_score(label == column, scores[:, column]) for column in range(4)]
    assert report.macro_auroc == pytest.approx(np.mean(per_class))
    assert report.undefined == {}


def test_single_label_names_absent_classes_and_refuses_other_tables(rng):
    label = rng.integers(0, 3, size=50)
    report = single_label_report(np.eye(4)[label], rng.random((50, 4)), CLASSES)
    assert report.undefined == {"auroc": ("CD",), "sensitivity": ("CD",)}
    assert np.isfinite([report.balanced_accuracy, report.macro_auroc]).all()
    with pytest.raises(InputError, match="no class or several"):
        single_label_report(np.zeros((2, 2)), np.zeros((2, 2)), ("a", "b"))
