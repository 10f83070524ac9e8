from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
)

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.evaluate import evaluate_model
from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    return build_store(PTBXL(write_synthetic_ptbxl(folder / "cohort", 80, seed=3)), folder / "store").store


@pytest.fixture
def make_checkpoint(store):
    """An untrained classifier of a label set; 2.5 s windows, so that scores are averaged over several."""

    def make(label_set: str, thresholds: tuple[float, ...] | None = None) -> ClassifierCheckpoint:
        labels = store.labels(label_set)
        torch.manual_seed(0)
        encoder = ECGEncoder1DCNN(CNNConfig(width=4))
        head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=len(labels.classes))
        torch.nn.init.normal_(head.output.weight, std=20)
        preprocessing = Preprocessing(window_s=2.5, normalisation="record")
        return ClassifierCheckpoint(
            Classifier(encoder, head).eval(), preprocessing, labels.classes, labels.task, label_set, thresholds
        )

    return make


def _scores(checkpoint, store, rows):
    """Logits by hand: one record and one window at a time."""
    logits = []
    for row in rows:
        signal = torch.from_numpy(store.read_mv([row])[0])
        windows = [signal[:, start : start + 250] for start in (0, 125, 250, 375, 500, 625, 750)]
        windows = [
            (one - one.mean(dim=1, keepdim=True)) / one.std(dim=1, keepdim=True, correction=0) for one in windows
        ]
        with torch.no_grad():
            logits.append(torch.stack([checkpoint.classifier(one[None])[0] for one in windows]).mean(dim=0).numpy())
    return np.array(logits, dtype=np.float64)


def _rng():
    return np.random.default_rng(0)


def test_multilabel_values_are_scikit_learns(store, make_checkpoint):
    thresholds = (0.3, 0.5, 0.6, 0.4, 0.5)
    checkpoint, rows = make_checkpoint("super", thresholds), np.arange(40)
    found = evaluate_model(checkpoint, store, rows, generator=_rng(), n_replicates=20)
    targets, scores = store.labels("super").values[rows], expit(_scores(checkpoint, store, rows))
    for column, name in enumerate(checkpoint.classes):
        truth, score = targets[:, column], scores[:, column]
        (tn, fp), (fn, tp) = confusion_matrix(truth, score >= thresholds[column], labels=[0, 1])
        per_class = {metric: values[name] for metric, values in found.report.per_class.items()}
        assert per_class["auroc"] == pytest.approx(roc_auc_score(truth, score))
        assert per_class["auprc"] == pytest.approx(average_precision_score(truth, score))
        assert per_class["sensitivity"] == pytest.approx(tp / (tp + fn))
        assert per_class["specificity"] == pytest.approx(tn / (tn + fp))
        assert found.calibration.per_class["brier"][name] == pytest.approx(brier_score_loss(truth, score), rel=1e-5)
    assert found.report.thresholds == dict(zip(checkpoint.classes, thresholds, strict=True))


def test_intervals_lie_around_the_reports_values(store, make_checkpoint):
    checkpoint = make_checkpoint("super")
    medians = np.median(expit(_scores(checkpoint, store, np.arange(80))), axis=0)
    checkpoint = replace(checkpoint, thresholds=tuple(medians.tolist()))
    found = evaluate_model(checkpoint, store, np.arange(80), generator=_rng(), n_replicates=200)
    assert set(found.intervals) == {"auroc", "auprc", "f1", "sensitivity", "specificity", "ppv", "npv"}
    for one in found.intervals.values():
        assert one.macro.low < one.macro.high
        assert one.macro.low - one.macro.se < one.macro.estimate < one.macro.high + one.macro.se
    again = evaluate_model(checkpoint, store, np.arange(80), generator=_rng(), n_replicates=200)
    assert again.to_dict() == found.to_dict()
    assert found.n_patients == store.records["patient_id"].nunique()


def test_intervals_average_over_test_folds(store, make_checkpoint):
    checkpoint, rows = make_checkpoint("norm"), np.arange(80)
    labels = store.labels("norm")
    known = rows[labels.known]
    scores, folds = _scores(checkpoint, store, known)[:, 0], store.records["fold"].to_numpy()[known]
    per_fold = [
        roc_auc_score(labels.values[known][folds == fold, 0], scores[folds == fold])
        for fold in np.unique(folds)
        if 0 < labels.values[known][folds == fold, 0].mean() < 1
    ]
    found = evaluate_model(checkpoint, store, rows, generator=_rng(), n_replicates=10)
    assert found.folds == tuple(range(1, 11))
    assert found.intervals["auroc"].macro.estimate == pytest.approx(np.mean(per_fold))
    assert found.report.per_class["auroc"]["NORM"] == pytest.approx(roc_auc_score(labels.values[known][:, 0], scores))
    assert found.report.thresholds == {"NORM": 0.5}


def test_single_label_values_are_scikit_learns_and_unlabelled_records_are_counted(store, make_checkpoint):
    checkpoint, labels = make_checkpoint("super-single"), store.labels("super-single")
    rows = np.flatnonzero(store.records["fold"] <= 3)
    known = rows[labels.known[rows]]
    found = evaluate_model(checkpoint, store, rows, generator=_rng(), n_replicates=50)
    truth = labels.values[known].argmax(axis=1)
    scores = softmax(_scores(checkpoint, store, known), axis=1)
    called = scores.argmax(axis=1)
    assert found.report.accuracy == pytest.approx(accuracy_score(truth, called))
    assert found.report.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, called))
    assert found.n_without_label == len(rows) - len(known) > 0
    folds = store.records["fold"].to_numpy()[known]
    per_fold = [np.mean(truth[folds == fold] == called[folds == fold]) for fold in np.unique(folds)]
    assert found.intervals["accuracy"].macro.estimate == pytest.approx(np.mean(per_fold))
    for column, name in enumerate(labels.classes):
        if 0 < (truth == column).sum() < len(truth):
            expected = roc_auc_score(truth == column, scores[:, column])
            assert found.report.per_class["auroc"][name] == pytest.approx(expected)


def test_a_class_without_positives_is_named_and_left_out(store, make_checkpoint):
    checkpoint, labels = make_checkpoint("super"), store.labels("super")
    rows = np.flatnonzero(labels.values[:, labels.classes.index("HYP")] == 0)
    found = evaluate_model(checkpoint, store, rows, generator=_rng(), n_replicates=20)
    assert found.report.undefined["auroc"] == ("HYP",)
    assert np.isfinite(found.report.macro["auroc"])
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["report"]["per_class"]["auroc"]["HYP"] is None


def test_own_labels_take_the_place_of_the_stores(store, make_checkpoint):
    checkpoint, labels = make_checkpoint("super"), store.labels("super")
    flipped = Labels("flipped", labels.classes, 1 - labels.values, labels.known, labels.task)
    straight = evaluate_model(checkpoint, store, np.arange(80), generator=_rng(), n_replicates=10)
    reverse = evaluate_model(checkpoint, store, np.arange(80), flipped, generator=_rng(), n_replicates=10)
    assert reverse.report.macro["auroc"] == pytest.approx(1 - straight.report.macro["auroc"])
    assert reverse.label_set == "flipped"


def test_batches_do_not_matter(store, make_checkpoint, monkeypatch):
    checkpoint = make_checkpoint("super")
    whole = evaluate_model(checkpoint, store, np.arange(30), generator=_rng(), n_replicates=10)
    monkeypatch.setattr("ssrl_ecg.evaluation.evaluate._CHUNK", 7)
    parts = evaluate_model(checkpoint, store, np.arange(30), generator=_rng(), n_replicates=10, batch_size=3)
    assert parts.report.macro == pytest.approx(whole.report.macro)


def test_what_does_not_fit_is_refused(store, make_checkpoint):
    checkpoint, rows = make_checkpoint("super"), np.arange(10)

    def evaluate(changed, rows=rows, labels=None):
        return evaluate_model(changed, store, rows, labels, generator=_rng(), n_replicates=10)

    with pytest.raises(InputError, match=r"expected 500 Hz.*found 100 Hz"):
        evaluate(replace(checkpoint, preprocessing=Preprocessing(sampling_rate_hz=500, normalisation="record")))
    with pytest.raises(InputError, match="trained for other classes"):
        evaluate(checkpoint, labels=store.labels("rhythm"))
    with pytest.raises(InputError, match="unknown label set"):
        evaluate(replace(checkpoint, label_set="nonsense"))
    with pytest.raises(InputError, match="no labelled records to evaluate on"):
        evaluate(checkpoint, rows=np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="too few bootstrap replicates"):
        evaluate_model(checkpoint, store, rows, generator=_rng(), n_replicates=1)
