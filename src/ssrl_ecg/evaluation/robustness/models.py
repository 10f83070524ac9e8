"""What is scored: networks, probes and floors, each fitted once per seed to clean records, then only looked through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.splits import Split
from ssrl_ecg.evaluation.arms import Task, TrainedArm
from ssrl_ecg.evaluation.experiment import Runner, arm_plans
from ssrl_ecg.evaluation.floors import FLOORS, check_floors, default_floors
from ssrl_ecg.evaluation.floors.knowledge import criteria_scores, what_is_read
from ssrl_ecg.evaluation.floors.learners import Forest, Predictor, Ridge
from ssrl_ecg.evaluation.floors.minirocket import MiniRocketFeatures
from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.evaluation.plans import MethodPlan
from ssrl_ecg.evaluation.robustness.corrupted_records import TestRecords
from ssrl_ecg.evaluation.robustness.corruptions import Corruption
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import embed, predict_logits
from ssrl_ecg.training.probe import LinearProbe, cross_validated_probe

Scores = NDArray[np.floating[Any]]

FLOORS_SCORED = ("minirocket", "forest", "criteria")
"""Floors that can score new signals, by their names in ``FLOORS``."""


class Model(Protocol):
    """Something that was fitted."""

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Score the corrupted test records: (record, class)."""


@dataclass(frozen=True)
class Probe:
    """Logistic regression on the features of a frozen encoder."""

    encoder: Encoder
    preprocessing: Preprocessing
    probe: LinearProbe

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Logits."""
        records = test.corrupted(corruption)
        return self.probe.logits(embed(self.encoder, self.preprocessing, records, np.arange(len(records))))


@dataclass(frozen=True)
class Network:
    """A trained classifier."""

    classifier: Classifier
    preprocessing: Preprocessing

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Logits."""
        records = test.corrupted(corruption)
        return predict_logits(self.classifier, self.preprocessing, records, np.arange(len(records)))


@dataclass(frozen=True)
class Rocket:
    """Ridge regression on MiniRocket features."""

    features: MiniRocketFeatures
    scaler: StandardScaler
    predict: Predictor

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Predicted targets."""
        records = test.corrupted(corruption)
        return self.predict(self.scaler.transform(self.features.of(records, np.arange(len(records)))))


@dataclass(frozen=True)
class Read:
    """A learner on what is read off the corrupted records."""

    predict: Predictor

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Estimated probabilities."""
        return self.predict(what_is_read(test.measured(corruption)))


@dataclass(frozen=True)
class Criteria:
    """Textbook criteria, which learn nothing."""

    classes: tuple[str, ...]

    def scores(self, test: TestRecords, corruption: Corruption) -> Scores:
        """Grades in [0, 1]."""
        return criteria_scores(test.measured(corruption), self.classes)


@dataclass(frozen=True)
class ModelPlan:
    """A row of the tables.

    Attributes:
        arm: the main job's row: name, family, what its scores depend on, pretrainings it needs.
        fit: seed -> the model fitted to the clean training records.
        n_seeds: how many of them differ.
    """

    arm: ArmPlan
    fit: Callable[[int], Model]
    n_seeds: int


def model_plans(runner: Runner, split: Split, n_seeds: int) -> list[ModelPlan]:
    """Plans of every frozen probe, fine-tuned and supervised network of an experiment, and of the floors.

    Nothing chooses on held-out records: penalties by cross-validation within the training records, last weights.

    Args:
        runner: of the experiment, with ``split`` as its only one.
        split: training and test rows, all labelled; no validation rows.
        n_seeds: trainings per row; pretrained encoders are taken in turn.

    Raises:
        InputError: a floor that speaks of other classes, or whose package is missing.
    """
    fits = _fits(runner, split)
    arms = {plan.name: plan for plan in arm_plans(runner)}
    repeats = {FLOORS[name].title: 1 for name in ("minirocket", "criteria")}  # these two draw nothing
    experiment = runner.experiment  # of an encoder one probe: seeds only deal its inner folds
    repeats |= {f"{one.name} frozen probe": min(n_seeds, experiment.n_pretrainings) for one in experiment.methods}
    return [ModelPlan(arms[name], fit, repeats.get(name, n_seeds)) for name, fit in fits.items()]


def floors_of(runner: Runner) -> tuple[str, ...]:
    """Floors that are scored: those asked for, or all that fit the label set."""
    asked = runner.experiment.floors
    names = default_floors(runner.labels) if asked is None else asked
    check_floors(names, runner.labels)
    return tuple(name for name in FLOORS_SCORED if name in names)


def _fits(runner: Runner, split: Split) -> dict[str, Callable[[int], Model]]:
    experiment, rows = runner.experiment, split.train

    def task(seed: int) -> Task:
        return Task(runner.store, runner.labels, rows, [split], seed)

    def probe(method: MethodPlan, seed: int) -> Model:
        features, patients = runner.features(method)(seed), np.asarray(runner.store.records["patient_id"])
        fitted = cross_validated_probe(features, runner.labels, rows, patients, seed)
        return Probe(runner.method_encoder(method)(seed), runner.preprocessing, fitted)

    def network(arm: TrainedArm, seed: int) -> Model:
        return Network(arm.train(task(seed)).classifier, runner.preprocessing)

    fits: dict[str, Callable[[int], Model]] = {}
    for method in experiment.methods:
        fits[f"{method.name} frozen probe"] = lambda seed, method=method: probe(method, seed)  # type: ignore[misc]
        if experiment.finetune is not None and method.finetuned:
            name = f"{method.name} fine-tuned"
            arm = runner.trained(name, experiment.finetune, method)
            fits[name] = lambda seed, arm=arm: network(arm, seed)  # type: ignore[misc]
    for name, plan in experiment.supervised.items():
        arm = runner.trained(name, plan, None)
        fits[name] = lambda seed, arm=arm: network(arm, seed)  # type: ignore[misc]
    return fits | _floor_fits(runner, split)


def _floor_fits(runner: Runner, split: Split) -> dict[str, Callable[[int], Model]]:
    store, rows = runner.store, split.train
    targets = runner.labels.values[rows].astype(np.float64)

    def rocket(seed: int) -> Model:
        features = MiniRocketFeatures(store, rows, runner.preprocessing)
        known = features.of(store, rows)
        scaler = StandardScaler().fit(known)
        return Rocket(features, scaler, Ridge().fit(scaler.transform(known), targets, seed))

    def forest(seed: int) -> Model:
        read = Workshop(store, runner.labels, rows, runner.preprocessing).known.read
        return Read(Forest().fit(read[rows], targets, seed))

    fits: Mapping[str, Callable[[int], Model]] = {
        "minirocket": rocket, "forest": forest, "criteria": lambda _: Criteria(runner.labels.classes),
    }  # fmt: skip
    return {FLOORS[name].title: fits[name] for name in floors_of(runner)}
