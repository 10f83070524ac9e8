"""The system on stand-in floors: who is in it, and what an encoder adds to its teacher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.evaluation.floors.arm import Labelled
from ssrl_ecg.evaluation.floors.blends import Known, PriorBlend, Stack
from ssrl_ecg.evaluation.whole_system import WholeSystems
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc

N, TRAINING, TEST = 300, np.arange(200), np.arange(200, 300)
TRUTH = (np.random.default_rng(0).random((N, 5)) < 0.3).astype(np.uint8)


def noisy(seed, noise, copies=1):
    values = np.tile(TRUTH, copies).astype(np.float64)
    return values + noise * np.random.default_rng(seed).normal(size=values.shape)


class Shop:
    """What a workshop has, without measuring anything."""

    criteria = Known(np.clip(noisy(1, 0.8), 0, 1))
    forest, boosting = Known(noisy(2, 1.0)), Known(noisy(3, 1.0))
    minirocket = Known(noisy(4, 1.0))
    ensemble = PriorBlend(criteria, Stack({"forest": forest}, {"forest": 1.0}))

    class known:
        training_rows = TRAINING
        minirocket = noisy(5, 1.5, copies=4)


FEATURES = noisy(6, 1.5, copies=4)


@pytest.fixture
def few():
    rows = np.arange(12)
    return Labelled(rows, TRUTH[rows].astype(float), np.array([str(row) for row in rows], object), seed=2)


def quality(floor, labelled):
    return macro(auroc(TRUTH[TEST], floor.scores(labelled, TEST)))


def test_the_ensemble_teaches_whoever_is_there():
    assert list(WholeSystems(Shop).system().students) == ["minirocket"]
    system = WholeSystems(Shop).system(lambda seed: FEATURES, object())
    assert list(system.students) == ["minirocket", "encoder", "network"]


def test_students_smooth_their_teachers_errors_and_an_encoder_more_of_them(few):
    alone, taught, encoder = (
        Shop.ensemble,
        WholeSystems(Shop).system(),
        WholeSystems(Shop).system(lambda seed: FEATURES),
    )
    assert quality(taught, few) > quality(alone, few) + 0.01
    assert quality(encoder, few) > quality(taught, few) + 0.003


def test_the_encoder_student_takes_the_features_of_the_cells_seed(few):
    asked = []

    def features(seed):
        asked.append(seed)
        return FEATURES

    scores = WholeSystems(Shop).system(features).scores(few, TEST)
    assert asked == [2]
    assert scores.shape == (100, 5)


def test_what_does_not_depend_on_the_encoder_is_fitted_once_per_question(few, monkeypatch):
    asked = []

    class Counting:
        def scores(self, labelled, wanted):
            asked.append(labelled.seed)
            return Shop.ensemble.scores(labelled, wanted)

    class Watched(Shop):
        ensemble = Counting()

    systems = WholeSystems(Watched)
    first, again = (systems.system(lambda seed: FEATURES).scores(few, TEST) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(first, WholeSystems(Shop).system(lambda seed: FEATURES).scores(few, TEST))
    systems.system().scores(replace(few, seed=3), TEST)
    assert asked == [2, 3]
