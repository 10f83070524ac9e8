"""Blends by hand, and a stack that looks at nothing but labelled records it has not fitted."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from ssrl_ecg.evaluation.floors.arm import Labelled
from ssrl_ecg.evaluation.floors.blends import N_INNER_FOLDS, Known, PriorBlend, Stack

N, N_CLASSES = 120, 3


class Noisy:
    """Says the truth of every record of the store with noise, and notes what it was given."""

    def __init__(self, truth, noise, seed):
        self.values = truth + noise * np.random.default_rng(seed).normal(size=truth.shape)
        self.fits = []

    def scores(self, labelled, wanted):
        self.fits.append((labelled.rows, wanted))
        return self.values[wanted]


@pytest.fixture
def truth():
    return (np.random.default_rng(5).random((N + 40, N_CLASSES)) < 0.3).astype(float)


@pytest.fixture
def labelled(truth):
    patients = np.array([f"p{row // 2}" for row in range(N)], dtype=object)
    return Labelled(np.arange(N), truth[:N], patients, seed=1)


WANTED = np.arange(N, N + 40)


def test_the_prior_counts_as_much_as_fifty_labels(truth, labelled):
    prior, floor = Known(np.full_like(truth, 0.2)), Known(np.full_like(truth, 0.8))
    blend = PriorBlend(prior, floor, strength=50)
    few, fifty = (labelled.take(labelled.rows < n) for n in (10, 50))
    assert blend.scores(few, WANTED) == pytest.approx((50 * 0.2 + 10 * 0.8) / 60)
    assert blend.scores(fifty, WANTED) == pytest.approx(0.5)


def test_weights_are_the_nonnegative_fit_of_scores_of_unseen_records(truth, labelled):
    members = {"good": Noisy(truth, 0.5, 1), "fair": Noisy(truth, 1.0, 2), "wrong": Noisy(-truth, 0.1, 3)}
    stack = Stack(members, dict.fromkeys(members, 1 / 3), strength=30, least=50)
    columns = np.stack([(one.values[:N] - one.values[:N].mean(axis=0)).ravel() for one in members.values()], axis=1)
    fitted = lsq_linear(columns, (truth[:N] - truth[:N].mean(axis=0)).ravel(), bounds=(0, np.inf)).x
    expected = 30 / 150 / 3 + 120 / 150 * fitted / fitted.sum()
    weights = stack.weights(labelled)
    assert list(weights.values()) == pytest.approx(expected, abs=1e-4)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["good"] > weights["fair"] > weights["wrong"]
    blended = sum(weight * members[name].values[WANTED] for name, weight in weights.items())
    assert stack.scores(labelled, WANTED) == pytest.approx(blended)


def test_a_member_is_judged_on_patients_it_has_not_seen(truth, labelled):
    member = Noisy(truth, 0.5, 1)
    Stack({"one": member}, {"one": 1.0}).weights(labelled)
    assert len(member.fits) == N_INNER_FOLDS
    assert sorted(np.concatenate([judged for _, judged in member.fits])) == list(range(N))
    for fitted, judged in member.fits:
        assert not {*labelled.patients[fitted]} & {*labelled.patients[judged]}
        assert len(fitted) + len(judged) == N


def test_few_labels_or_one_patient_take_the_default_weights(truth, labelled):
    members = {"good": Noisy(truth, 0.5, 1), "fair": Noisy(truth, 1.0, 2)}
    stack = Stack(members, {"good": 0.3, "fair": 0.7}, least=50)
    assert stack.weights(labelled.take(labelled.rows < 49)) == {"good": 0.3, "fair": 0.7}
    alone = Labelled(labelled.rows, labelled.targets, np.full(N, "p", dtype=object), 1)
    assert stack.weights(alone) == {"good": 0.3, "fair": 0.7}
    assert not members["good"].fits


def test_members_that_are_all_wrong_leave_the_default_weights(truth, labelled):
    stack = Stack({"wrong": Noisy(-truth, 0.1, 3)}, {"wrong": 1.0})
    assert stack.weights(labelled) == {"wrong": 1.0}
