"""Learners against scikit-learn called by hand, and where the labels are too few to learn from."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge

from ssrl_ecg.evaluation.floors.arm import Labelled
from ssrl_ecg.evaluation.floors.learners import Boosting, Forest, Logistic, Ridge, TableFloor

LEARNERS = (Forest(n_trees=20), Boosting(n_rounds=10), Logistic(), Ridge())
NEED_WHOLE_FEATURES = (Logistic, Ridge)


def sample(n=60, n_features=8, n_classes=3, gaps=True):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(n, n_features))
    targets = (features[:, :n_classes] + generator.normal(size=(n, n_classes)) > 0.5).astype(float)
    if gaps:
        features[generator.random(features.shape) < 0.1] = np.nan
    return features, targets


def test_forest_is_one_forest_of_scikit_learn_per_class():
    features, targets = sample()
    scores = Forest(n_trees=20, max_features=0.5, min_leaf=2)(features[:40], targets[:40], features[40:], seed=3)
    for column in range(3):
        model = ExtraTreesClassifier(20, max_features=0.5, min_samples_leaf=2, random_state=3)
        expected = model.fit(features[:40], targets[:40, column]).predict_proba(features[40:])[:, 1]
        assert scores[:, column] == pytest.approx(expected, abs=1e-12)


def test_boosting_is_one_model_of_scikit_learn_per_class():
    features, targets = sample()
    learner = Boosting(n_rounds=12, learning_rate=0.2, max_leaves=4, min_leaf=3, max_features=0.5)
    scores = learner(features[:40], targets[:40], features[40:], seed=3)
    for column in range(3):
        model = HistGradientBoostingClassifier(
            max_iter=12, learning_rate=0.2, max_leaf_nodes=4, min_samples_leaf=3, max_features=0.5, random_state=3,
            early_stopping=False,
        )  # fmt: skip
        expected = model.fit(features[:40], targets[:40, column]).predict_proba(features[40:])[:, 1]
        assert scores[:, column] == pytest.approx(expected, abs=1e-12)


def test_boosting_splits_a_handful_of_records():
    """scikit-learn's own default of 20 records in a leaf would leave 15 records in one."""
    features, targets = sample(gaps=False)
    scores = Boosting()(features[:15], targets[:15], features[15:], seed=0)
    assert (np.ptp(scores, axis=0) > 0.05).all()


def test_logistic_is_one_regression_per_class():
    features, targets = sample(gaps=False)
    scores = Logistic(inverse_penalty=0.1)(features[:40], targets[:40], features[40:], seed=0)
    for column in range(3):
        model = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000).fit(features[:40], targets[:40, column])
        assert scores[:, column] == pytest.approx(model.predict_proba(features[40:])[:, 1], abs=1e-3)


def test_ridge_takes_the_one_penalty_with_the_smallest_leave_one_out_error():
    features, targets = sample(gaps=False)
    known, values, wanted = features[:25], targets[:25], features[25:]

    def leave_one_out(alpha):
        errors = []
        for row in range(25):
            rest = np.arange(25) != row
            model = SklearnRidge(alpha=alpha).fit(known[rest], values[rest])
            errors.append((model.predict(known[[row]])[0] - values[row]) ** 2)
        return np.mean(errors)

    learner = Ridge(penalties=(0.1, 1.0, 10.0, 100.0, 1000.0))
    best = min(learner.penalties, key=leave_one_out)
    assert best not in (0.1, 1000.0)
    expected = SklearnRidge(alpha=best).fit(known, values).predict(wanted)
    assert learner(known, values, wanted, seed=0) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
class TestEveryLearner:
    def known(self, learner, n=30):
        return sample(gaps=not isinstance(learner, NEED_WHOLE_FEATURES), n=n + 30)

    def test_the_same_seed_gives_the_same_bits(self, learner):
        features, targets = self.known(learner)
        once, again = (learner(features[:30], targets[:30], features[30:], seed=7) for _ in range(2))
        assert once.tobytes() == again.tobytes()

    def test_a_class_without_positives_or_without_negatives_ranks_nobody(self, learner):
        features, targets = self.known(learner)
        targets[:, 0], targets[:, 1] = 0, 1
        scores = learner(features[:30], targets[:30], features[30:], seed=0)
        assert np.ptp(scores[:, :2], axis=0) == pytest.approx(0, abs=1e-9)
        assert scores[0, 0] < 0.5 < scores[0, 1]
        assert np.ptp(scores[:, 2]) > 0

    def test_one_positive_is_enough_to_score(self, learner):
        features, targets = self.known(learner)
        targets[:30, 0] = np.arange(30) == 4
        assert np.isfinite(learner(features[:30], targets[:30], features[30:], seed=0)).all()

    def test_one_labelled_record_is_no_error(self, learner):
        features, targets = self.known(learner)
        scores = learner(features[:1], targets[:1], features[30:], seed=0)
        assert scores.shape == (30, 3)
        assert np.isfinite(scores).all()

    def test_one_column_stays_one_column(self, learner):
        features, targets = self.known(learner)
        assert learner(features[:30], targets[:30, :1], features[30:], seed=0).shape == (30, 1)


@pytest.mark.parametrize("learner", [Forest(n_trees=20), Boosting(n_rounds=10)], ids=["forest", "boosting"])
def test_a_measurement_that_no_labelled_record_has_says_nothing(learner):
    features, targets = sample()
    features[:, 7] = np.nan
    features[50:, 7] = 3.0
    scores = learner(features[:40], targets[:40], features[40:], seed=0)
    assert np.isfinite(scores).all()


def test_a_floor_fits_once_for_the_same_records_and_anew_for_others():
    calls = []

    def learner(known, targets, wanted, seed):
        calls.append(seed)
        return np.full((len(wanted), targets.shape[1]), known.sum())

    floor, wanted = TableFloor(np.arange(12.0).reshape(6, 2), learner), np.array([4, 5])
    rows, patients = np.arange(4), np.array(list("abcd"), dtype=object)
    labelled = Labelled(rows, np.eye(4)[:, :3], patients, 1)
    first = floor.scores(labelled, wanted)
    assert (floor.scores(labelled, wanted) == first).all()
    assert calls == [1]
    floor.scores(labelled, wanted[:1])
    floor.scores(labelled.take(rows < 3), wanted)
    floor.scores(Labelled(rows, labelled.targets[::-1], patients, 1), wanted)
    floor.scores(Labelled(rows, labelled.targets, patients, 2), wanted)
    assert calls == [1, 1, 1, 1, 2]
