"""What learns from a table of features: forest, boosting, logistic regression and ridge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeCV

from ssrl_ecg.evaluation.floors.arm import Labelled

Array = NDArray[np.float64]
Features = NDArray[np.floating[Any]]


Predictor = Callable[[Features], Array]
"""(m, feature) of the records to score -> float64 (m, class)."""


class Learner(ABC):
    """Fits features of labelled records to 0/1 targets and scores other records."""

    @abstractmethod
    def fit(self, known: Features, targets: Array, seed: int) -> Predictor:
        """Fit.

        Args:
            known: (n, feature) of the labelled records.
            targets: (n, class), 0 or 1.
            seed: seed of everything drawn.
        """

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit, and score the ``wanted`` records: float64 (m, class)."""
        return self.fit(known, targets, seed)(wanted)


@dataclass(frozen=True)
class TableFloor:
    """A learner on fixed features. It remembers what it has scored: blends of floors ask for the same again.

    Attributes:
        features: (record, feature) of every record of the store.
        learner: what is fitted to them.
    """

    features: Features
    learner: Learner
    _remembered: dict[tuple[bytes, bytes, bytes, int], Array] = field(default_factory=dict, compare=False, repr=False)

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Fit the learner to the labelled records and score the wanted ones."""
        key = (labelled.rows.tobytes(), labelled.targets.tobytes(), wanted.tobytes(), labelled.seed)
        if key not in self._remembered:
            self._remembered[key] = self.learner(
                self.features[labelled.rows], labelled.targets, self.features[wanted], labelled.seed
            )
        return self._remembered[key]


@dataclass(frozen=True)
class Forest(Learner):
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006), one forest per class.

    Missing values go the way that split them best. Settings: the trials in ``results/trials/floors.json``.
    """

    n_trees: int = 200
    max_features: float = 0.15
    """Share of the features looked at in each node."""
    min_leaf: int = 1
    """Records in a leaf."""

    def fit(self, known: Features, targets: Array, seed: int) -> Predictor:
        """Fit; the mean vote of the trees estimates a probability."""

        def model(target: Array) -> ExtraTreesClassifier:
            forest = ExtraTreesClassifier(
                self.n_trees,
                max_features=self.max_features,
                min_samples_leaf=self.min_leaf,
                random_state=seed,
                n_jobs=-1,
            ).fit(known, target)
            forest.set_params(n_jobs=1)  # threads add their trees in the order in which they finish
            return forest

        return _class_by_class(model, targets)


@dataclass(frozen=True)
class Boosting(Learner):
    """Gradient-boosted trees on binned features, one model per class; missing values have a bin of their own."""

    n_rounds: int = 100
    learning_rate: float = 0.05
    max_leaves: int = 8
    min_leaf: int = 5
    """Records in a leaf; at most a tenth of the labelled ones, and at least 2."""
    max_features: float = 0.2

    def fit(self, known: Features, targets: Array, seed: int) -> Predictor:
        """Fit; a feature that no labelled record has is left out, as it cannot be binned."""
        there = ~np.isnan(known).all(axis=0)

        def model(target: Array) -> HistGradientBoostingClassifier:
            boosted = HistGradientBoostingClassifier(
                max_iter=self.n_rounds,
                learning_rate=self.learning_rate,
                max_leaf_nodes=self.max_leaves,
                min_samples_leaf=max(2, min(self.min_leaf, len(target) // 10)),
                max_features=self.max_features,
                early_stopping=False,
                random_state=seed,
            )
            return boosted.fit(known[:, there], target)

        predict = _class_by_class(model, targets)
        return lambda wanted: predict(wanted[:, there])


@dataclass(frozen=True)
class Logistic(Learner):
    """Logistic regression with an L2 penalty, one model per class; the features must be whole and standardised."""

    inverse_penalty: float = 0.01
    """scikit-learn's C."""

    def fit(self, known: Features, targets: Array, seed: int) -> Predictor:
        """Fit; nothing is drawn."""

        def model(target: Array) -> LogisticRegression:
            return LogisticRegression(C=self.inverse_penalty, max_iter=5000).fit(known, target)

        return _class_by_class(model, targets)


@dataclass(frozen=True)
class Ridge(Learner):
    """Ridge regression of the 0/1 targets, the usual readout of the Rocket family; its scores are no probabilities.

    One penalty for all classes, with the smallest leave-one-out error on the labelled records.
    """

    penalties: tuple[float, ...] = tuple(np.logspace(0, 6, 13).tolist())

    def fit(self, known: Features, targets: Array, seed: int) -> Predictor:
        """Fit; nothing is drawn."""
        if len(known) == 1:  # none is left to judge a penalty by
            return lambda wanted: np.repeat(targets, len(wanted), axis=0)
        model = RidgeCV(alphas=self.penalties).fit(known, targets)
        return lambda wanted: np.asarray(model.predict(wanted), np.float64).reshape(len(wanted), -1)


def _class_by_class(model: Callable[[Array], Any], targets: Array) -> Predictor:
    """Fit a model per class; one that is all one or all zero gets the constant (positives + 1) / (n + 2)."""
    constants = (targets.sum(axis=0) + 1) / (len(targets) + 2)
    models = [model(target) if target.min() < target.max() else None for target in targets.T]

    def predict(wanted: Features) -> Array:
        columns = [
            np.full(len(wanted), constant) if fitted is None else fitted.predict_proba(wanted)[:, 1]
            for fitted, constant in zip(models, constants, strict=True)
        ]
        return np.stack(columns, axis=1)

    return predict
