from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.probe import (
    INNER_TOLERANCE,
    INVERSE_PENALTIES,
    N_INNER_FOLDS,
    USUAL_INVERSE_PENALTY,
    _inner_auroc,
    choose_probe,
    cross_validated_probe,
    fit_probe,
)


@pytest.fixture
def cohort():
    """200 records, 6 features of very different scales, 3 classes of which the features say something."""
    random = np.random.default_rng(3)
    features = random.standard_normal((200, 6)) * [1, 10, 0.01, 1, 1, 100] + [0, 5, 0, -3, 0, 1000]
    logits = (features / features.std(axis=0)) @ random.standard_normal((6, 3))
    values = (logits - logits.mean(axis=0) + random.logistic(size=(200, 3)) > 0).astype(np.uint8)
    return features, values


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def as_labels(values, task="multilabel"):
    names = tuple("abcdef"[: values.shape[1]])
    return Labels("toy", names, values, np.ones(len(values), dtype=bool), task)


@pytest.mark.parametrize("inverse_penalty", [1e-4, 0.1])
def test_it_is_scikit_learns_regression_on_standardised_features(inverse_penalty, cohort):
    features, values = cohort
    probe = fit_probe(features, values, inverse_penalty)
    for column in range(3):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, tol=1e-8, max_iter=10_000))
        expected = model.fit(features, values[:, column]).decision_function(features)
        np.testing.assert_allclose(probe.logits(features)[:, column], expected, atol=1e-3)


def test_the_gradient_has_vanished(cohort):
    features, values = cohort
    probe = fit_probe(features, values, 0.1)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    standardised = (features - mean) / scale
    residual = expit(probe.logits(features)) - values
    gradient = standardised.T @ residual + (probe.weight * scale).T / 0.1
    assert np.abs(gradient / len(features)).max() < 2e-5
    assert np.abs(residual.mean(axis=0)).max() < 2e-5


def test_the_scale_and_offset_of_features_do_not_matter(cohort):
    features, values = cohort
    factor, offset = np.array([1e3, 1e-3, 5, -1, 1, 7]), np.arange(6)
    expected = fit_probe(features, values, 0.1).logits(features)
    found = fit_probe(features * factor + offset, values, 0.1).logits(features * factor + offset)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_feature_that_never_varies_gets_no_weight(cohort):
    features, values = cohort
    constant = np.hstack([features, np.full((200, 1), 3.0)])
    probe = fit_probe(constant, values, 0.1)
    assert np.all(probe.weight[:, -1] == 0)
    np.testing.assert_allclose(probe.logits(constant), fit_probe(features, values, 0.1).logits(features), atol=1e-3)


@pytest.mark.parametrize("value", [0, 1])
def test_a_class_that_never_varies_gets_its_constant_logit(value, cohort):
    features, values = cohort
    values[:, 1] = value
    probe = fit_probe(features, values, 1.0)
    assert np.all(probe.weight[1] == 0)
    assert expit(probe.bias[1]) == pytest.approx((200 * value + 0.5) / 201)


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2), (1,)])
def test_single_label_probabilities_with_absent_classes(present, cohort):
    features, _ = cohort
    kinds = np.random.default_rng(0).choice(present, 200)
    kinds[features[:, 0] > 0.5] = present[-1]
    values = np.eye(4, dtype=np.uint8)[kinds]
    probe = fit_probe(features, values, 0.1, single=True)
    found = softmax(probe.logits(features), axis=1)
    if len(present) > 1:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000))
        expected = np.zeros((200, 4))
        expected[:, list(present)] = model.fit(features, kinds).predict_proba(features)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    else:
        assert found[:, 1].min() > 0.99
    absent = [column for column in range(4) if column not in present]
    assert found[:, absent].max() < 0.01


def test_as_a_head_it_gives_the_same_logits(cohort):
    features, values = cohort
    probe = fit_probe(features, values, 0.1)
    with torch.no_grad():
        found = probe.head()(torch.from_numpy(features).float()).numpy()
    np.testing.assert_allclose(found, probe.logits(features), atol=1e-3)


def test_each_validation_set_chooses_its_own_penalty(cohort):
    features, values = cohort
    labels = as_labels(values)
    validations = {str(k): np.arange(50 + 30 * k, 80 + 30 * k) for k in range(5)}
    train = np.arange(50)
    chosen = choose_probe(features, labels, train, validations)
    assert list(chosen) == list(validations)
    penalties = set()
    for name, rows in validations.items():
        scores = []
        for inverse_penalty in INVERSE_PENALTIES:
            logits = fit_probe(features[train], values[train], inverse_penalty).logits(features[rows])
            pairs = [
                np.mean([(p > n) + (p == n) / 2 for p in score[y == 1] for n in score[y == 0]])
                for score, y in zip(logits.T, values[rows].T, strict=True)
            ]
            scores.append(np.mean(pairs))
        assert chosen[name].inverse_penalty == INVERSE_PENALTIES[int(np.argmax(scores))]
        penalties.add(chosen[name].inverse_penalty)
    assert len(penalties) > 1


def test_where_nothing_can_be_compared_the_strongest_penalty_stays(cohort):
    features, values = cohort
    values[100:] = 0
    with pytest.warns(UserWarning, match="cannot choose"):
        chosen = choose_probe(features, as_labels(values), np.arange(100), {"empty": np.arange(100, 200)})
    assert chosen["empty"].inverse_penalty == INVERSE_PENALTIES[0]


def test_no_labelled_records_are_refused(cohort):
    features, values = cohort
    with pytest.raises(InputError, match="no labelled records"):
        choose_probe(features, as_labels(values), np.array([], dtype=int), {})


def slow_inner_auroc(features, values, folds, inverse_penalty):
    """Count the pairs of records one by one."""
    right, pairs = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for fold in set(folds.tolist()):
        train = folds != fold
        logits = fit_probe(features[train], values[train], inverse_penalty).logits(features)
        for one, other in itertools.product(np.flatnonzero(~train), repeat=2):
            for column in range(values.shape[1]):
                if values[one, column] > values[other, column]:
                    pairs[column] += 1
                    difference = logits[one, column] - logits[other, column]
                    right[column] += 0.5 if difference == 0 else difference > 0
    return np.mean((right / np.where(pairs, pairs, 1))[pairs > 0])


def test_within_the_labelled_records_the_penalty_is_chosen_by_pairs_of_an_inner_fold():
    random = np.random.default_rng(0)
    found = set()
    for seed in range(5):
        values = (random.random((40, 3)) < [0.5, 0.3, 0.1]).astype(np.uint8)
        features = random.standard_normal((40, 6))
        if seed % 2:  # what matters is a small difference of large features: only a weak penalty finds it
            features = features[:, :1] * 5 + 0.3 * features
            features[:, :3] += values
        rows, patients = np.sort(random.permutation(40)[:24]), np.repeat(np.arange(20), 2)
        probe = cross_validated_probe(features, as_labels(values), rows, patients, seed)
        folds = stratified_folds(values[rows], patients[rows], N_INNER_FOLDS, seed)
        scores = {one: slow_inner_auroc(features[rows], values[rows], folds, one) for one in INVERSE_PENALTIES}
        good = [one for one, score in scores.items() if score >= max(scores.values()) - INNER_TOLERANCE]
        assert probe.inverse_penalty == min(good, key=lambda one: abs(np.log10(one / USUAL_INVERSE_PENALTY)))
        assert np.array_equal(probe.weight, fit_probe(features[rows], values[rows], probe.inverse_penalty).weight)
        found.add(probe.inverse_penalty)
    assert len(found) > 1


@pytest.mark.parametrize("case", ["one patient", "one record", "one positive", "no positive"])
def test_where_nothing_can_be_judged_the_usual_penalty_is_taken(case, cohort):
    features, values = cohort
    rows, patients = np.arange(16), np.arange(200)
    if case == "one patient":
        patients = np.zeros(200, dtype=int)
    elif case == "one record":
        rows = rows[:1]
    else:
        values = np.zeros_like(values)
        values[3] = case == "one positive"
    probe = cross_validated_probe(features, as_labels(values), rows, patients, seed=0)
    assert probe.inverse_penalty == USUAL_INVERSE_PENALTY


def test_records_of_a_patient_are_never_on_both_sides_of_an_inner_fold():
    """With every record there twice, leaving the twin in would make noise look learnable."""
    random = np.random.default_rng(1)
    features, values = random.standard_normal((20, 60)), (random.random((20, 2)) < 0.5).astype(np.uint8)
    twice = np.repeat(np.arange(20), 2)
    by_patient = stratified_folds(values[twice], twice, N_INNER_FOLDS, 0)
    by_record = stratified_folds(values[twice], np.arange(40), N_INNER_FOLDS, 0)
    fair, leaky = (slow_inner_auroc(features[twice], values[twice], folds, 1.0) for folds in (by_patient, by_record))
    assert leaky > fair + 0.1
    assert _inner_auroc(features[twice], values[twice], by_patient, 1.0, single=False) == pytest.approx(fair)
    assert all(len(set(by_patient[twice == patient])) == 1 for patient in range(20))


def test_a_single_label_task_is_judged_by_log_probabilities(cohort):
    """Softmax leaves a constant per record open, so a class by class reading of logits would be arbitrary."""
    features, _ = cohort
    values = np.eye(3, dtype=np.uint8)[np.digitize(features[:, 0] / features[:, 0].std(), (-0.5, 0.5))]
    probe = cross_validated_probe(features, as_labels(values, "single"), np.arange(60), np.arange(200), 0)
    rank = softmax(probe.logits(features[100:]), axis=1)
    assert (rank.argmax(axis=1) == values[100:].argmax(axis=1)).mean() > 0.6


def test_more_features_than_records(cohort):
    """The solution lies in the span of the records, where it is found."""
    random = np.random.default_rng(2)
    features, values = random.standard_normal((20, 90)) * 5 + 2, np.tile([[0, 1], [1, 1], [0, 0], [1, 0]], (5, 1))
    probe = fit_probe(features, values.astype(np.uint8), 0.05)
    for column in range(2):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, tol=1e-9, max_iter=10_000))
        expected = model.fit(features, values[:, column]).decision_function(features * 1.1)
        np.testing.assert_allclose(probe.logits(features * 1.1)[:, column], expected, atol=1e-4)


def test_no_labelled_records_are_refused_there_too(cohort):
    features, values = cohort
    with pytest.raises(InputError, match="no labelled records"):
        cross_validated_probe(features, as_labels(values), np.array([], dtype=int), np.arange(200), 0)
