"""What an arm gives of a floor's scores, and what a floor is given."""

import numpy as np
import pytest
from scipy.special import log_softmax

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split, rotation_splits, split_by_folds
from ssrl_ecg.evaluation.arms import Task
from ssrl_ecg.evaluation.floors.arm import FloorArm


class Fixed:
    """Gives values known beforehand and keeps what it was given."""

    def __init__(self, values):
        self.values = values

    def scores(self, labelled, wanted):
        self.labelled, self.wanted = labelled, wanted
        return self.values[wanted]


@pytest.fixture
def shares(synthetic_store):
    return np.random.default_rng(0).dirichlet(np.ones(5), len(synthetic_store))


def test_every_split_gets_the_scores_of_its_rows(synthetic_store, shares):
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    floor = Fixed(shares)
    task = Task(synthetic_store, labels, splits[0].train[:20], splits, 9)
    for split, scores in zip(splits, FloorArm("floor", floor, gives_probabilities=False).run(task), strict=True):
        assert np.array_equal(scores.test, shares[split.test].astype(np.float32))
        assert np.array_equal(scores.validation, shares[split.validation].astype(np.float32))
    given = floor.labelled
    assert np.array_equal(given.rows, splits[0].train[:20])
    assert np.array_equal(given.targets, labels.values[given.rows])
    assert np.array_equal(given.patients, synthetic_store.records["patient_id"].to_numpy()[given.rows])
    assert given.seed == 9


def test_without_validation_rows_there_are_no_validation_scores(synthetic_store, shares):
    split = split_by_folds(synthetic_store.records, [1, 2, 3], [], [5])
    task = Task(synthetic_store, synthetic_store.labels("super"), split.train, [split], 0)
    scores = FloorArm("floor", Fixed(shares), gives_probabilities=True).run(task)[0]
    assert scores.validation.shape == (0, 5)
    assert scores.test.shape == (len(split.test), 5)


@pytest.mark.parametrize("name", ["super", "super-single"])
def test_probabilities_come_as_logits(synthetic_store, shares, name):
    rows = np.arange(len(synthetic_store))
    shares[0] = [0, 1, 0, 0, 0]
    task = Task(synthetic_store, synthetic_store.labels(name), rows[:9], [Split(rows[:9], rows[:0], rows)], 0)
    logits = FloorArm("floor", Fixed(shares), gives_probabilities=True).run(task)[0].test.astype(float)
    assert np.isfinite(logits).all()
    back = np.exp(log_softmax(logits, axis=1)) if name == "super-single" else 1 / (1 + np.exp(-logits))
    assert back == pytest.approx(np.clip(shares, 1e-6, 1 - 1e-6), abs=1e-5)


def test_a_floor_sees_no_label_but_those_of_the_cell(synthetic_store, shares):
    """Labels of all other records may be anything."""
    labels = synthetic_store.labels("super")
    split = split_by_folds(synthetic_store.records, [1, 2, 3], [4], [5])
    values = np.random.default_rng(1).integers(0, 2, labels.values.shape, dtype=np.uint8)
    values[split.train] = labels.values[split.train]
    other = Labels("super", labels.classes, values, labels.known, labels.task)
    given = []
    for one in (labels, other):
        floor = Fixed(shares)
        FloorArm("floor", floor, gives_probabilities=False).run(Task(synthetic_store, one, split.train, [split], 0))
        given.append(floor.labelled)
    assert np.array_equal(given[0].targets, given[1].targets)
