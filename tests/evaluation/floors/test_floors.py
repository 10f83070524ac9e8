"""All floors on a store with stand-in measurements: which there are, what they may see, and that they repeat."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import rotation_splits
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Task
from ssrl_ecg.evaluation.floors import (
    DEFAULT_FLOORS,
    FLOORS,
    check_floors,
    default_floors,
    floor_plans,
    floors_left_out,
    knowledge,
    workshop,
)
from ssrl_ecg.evaluation.floors.learners import Boosting, Forest
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.signals.criteria import superclass_scores
from ssrl_ecg.signals.measurement_names import MEASUREMENTS
from ssrl_ecg.signals.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(highpass_hz=0.5)
LEARNING = [name for name, kind in FLOORS.items() if kind.needs_labels]


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch, synthetic_store):
    """Measurements that know a little of the truth, some of them missing, and small models."""
    labels = synthetic_store.labels("super").values
    generator = np.random.default_rng(3)
    values = generator.normal(size=(len(synthetic_store), len(MEASUREMENTS)))
    values[:, :60] += np.repeat(labels, 12, axis=1)
    rocket = (values[:, :40] + generator.normal(size=(len(values), 40))).astype(np.float32)
    values[generator.random(values.shape) < 0.05] = np.nan
    values[4] = np.nan
    table = pd.DataFrame(values, columns=list(MEASUREMENTS))
    monkeypatch.setattr(knowledge, "measured", lambda store: table)
    fitted = SimpleNamespace(of=lambda _, rows: rocket[rows])
    monkeypatch.setattr(knowledge, "MiniRocketFeatures", lambda *_: fitted)
    monkeypatch.setattr(workshop, "_FOREST", Forest(n_trees=12))
    monkeypatch.setattr(workshop, "_BOOSTING", Boosting(n_rounds=2))


def task_of(store, labels, n_rows, seed=5, splits=None):
    splits = splits or rotation_splits(store.records)
    rows = splits[0].train[labels.known[splits[0].train]][:n_rows]
    return Task(store, labels, rows, splits, seed)


def scores_of(name, task):
    (plan,) = floor_plans(task.store, task.labels, task.splits[0].train, PREPROCESSING, [name])
    return plan.build().run(task)


def test_default_floors_come_in_the_order_of_the_report(synthetic_store):
    labels, training = synthetic_store.labels("super"), np.arange(90)
    plans = floor_plans(synthetic_store, labels, training, PREPROCESSING)
    assert [plan.name for plan in plans] == [FLOORS[name].title for name in DEFAULT_FLOORS]
    assert {plan.family for plan in plans} == {"floor"}
    assert [plan.name for plan in plans if not plan.needs_labels] == ["criteria, no label"]
    assert "forest-age-sex" not in DEFAULT_FLOORS
    backwards = floor_plans(synthetic_store, labels, training, PREPROCESSING, ["minirocket", "forest"])
    assert [plan.name for plan in backwards] == ["measurements + forest", "MiniRocket + ridge"]


def test_criteria_are_left_out_where_the_classes_are_not_theirs(synthetic_store):
    norm = synthetic_store.labels("norm")
    assert not {"criteria", "prior-forest"} & {*default_floors(norm)}
    assert {"ensemble", "forest", "minirocket"} < {*default_floors(norm)}
    (sentence,) = floors_left_out(norm)
    assert "criteria, no label" in sentence
    assert "criteria prior + forest" in sentence
    assert floors_left_out(synthetic_store.labels("super-single")) == floors_left_out(norm, ["forest"]) == ()
    with pytest.raises(InputError, match="prior-forest"):
        floor_plans(synthetic_store, norm, np.arange(90), PREPROCESSING, ["prior-forest"])


def test_what_cannot_be_built_is_refused_first(monkeypatch):
    with pytest.raises(InputError, match="woods"):
        check_floors(["forest", "woods"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check_floors(["forest", "criteria"])
    with pytest.raises(InputError, match="aeon"):
        check_floors(["ensemble"])


def test_criteria_are_looked_up_by_class_name(synthetic_store):
    labels = synthetic_store.labels("super")
    order = [3, 0, 4, 2, 1]
    classes = tuple(labels.classes[column] for column in order)
    turned = Labels("turned", classes, labels.values[:, order], labels.known, "multilabel")
    task = task_of(synthetic_store, turned, 0)
    test = task.splits[0].test
    expected = superclass_scores(knowledge.measured(synthetic_store))[test]
    named = [("NORM", "MI", "STTC", "CD", "HYP").index(name) for name in turned.classes]
    assert scores_of("criteria", task)[0].test == pytest.approx(expected[:, named], abs=1e-6)


@pytest.mark.parametrize("name", FLOORS)
def test_same_seed_same_bits(synthetic_store, name):
    task = task_of(synthetic_store, synthetic_store.labels("super"), 60)
    for one, other in zip(scores_of(name, task), scores_of(name, task), strict=True):
        assert one.test.tobytes() == other.test.tobytes()
        assert one.validation.tobytes() == other.validation.tobytes()
        assert np.isfinite(one.test).all()


@pytest.mark.parametrize("name", FLOORS)
def test_labels_of_other_records_change_nothing(synthetic_store, name):
    labels = synthetic_store.labels("super")
    task = task_of(synthetic_store, labels, 60)
    values = np.random.default_rng(1).integers(0, 2, labels.values.shape, dtype=np.uint8)
    values[task.rows] = labels.values[task.rows]
    shuffled = Labels("super", labels.classes, values, labels.known, labels.task)
    for one, other in zip(scores_of(name, task), scores_of(name, task_of(task.store, shuffled, 60)), strict=True):
        assert one.test.tobytes() == other.test.tobytes()


@pytest.mark.parametrize("name", LEARNING)
def test_labels_of_the_cell_are_learned(synthetic_store, name):
    labels = synthetic_store.labels("super")
    task = task_of(synthetic_store, labels, 80)
    for split, scores in zip(task.splits, scores_of(name, task), strict=True):
        targets = labels.values[split.test]
        some = targets.any(axis=0)
        assert macro(auroc(targets[:, some], scores.test[:, some])) > 0.6


@pytest.mark.parametrize("label_set", ["norm", "super-single", "form"])
@pytest.mark.parametrize("n_rows", [6, 70])
def test_floors_take_any_label_set(synthetic_store, label_set, n_rows):
    """Among few records many classes have one positive or none."""
    labels = synthetic_store.labels(label_set)
    task = task_of(synthetic_store, labels, n_rows)
    for plan in floor_plans(synthetic_store, labels, task.splits[0].train, PREPROCESSING):
        if plan.needs_labels:
            for split, scores in zip(task.splits, plan.build().run(task), strict=True):
                assert scores.test.shape == (len(split.test), len(labels.classes))
                assert np.isfinite(scores.test).all()
                assert np.isfinite(scores.validation).all()


def test_settings_tell_cells_apart_that_are_not_the_same(synthetic_store):
    labels = synthetic_store.labels("super")

    def settings(training, preprocessing):
        plans = floor_plans(synthetic_store, labels, training, preprocessing, ["forest", "minirocket"])
        return {plan.name: plan.settings for plan in plans}

    first = settings(np.arange(90), PREPROCESSING)
    assert first == settings(np.arange(90), PREPROCESSING)
    other = settings(np.arange(90), Preprocessing(highpass_hz=1.0))
    assert first["measurements + forest"] == other["measurements + forest"]
    assert first["MiniRocket + ridge"] != other["MiniRocket + ridge"]
    assert first["measurements + forest"] != settings(np.arange(80), PREPROCESSING)["measurements + forest"]
