"""What learns from a table of features: forest, boosting, logistic regression and ridge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeCV

from ssrl_ecg.evaluation.floors.arm import Labelled

Array = NDArray[np.float64]
Features = NDArray[np.floating[Any]]


class Learner(Protocol):
    """Fits features of labelled records to 0/1 targets and scores other records."""

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit and score.

        Args:
            known: (n, feature) of the labelled records.
            targets: (n, class), 0 or 1.
            wanted: (m, feature) of the records to score.
            seed: seed of everything drawn.

        Returns:
            float64 (m, class).
        """


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
class Forest:
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006), one forest per class.

    Missing values go the way that split them best. Settings: the trials in ``results/trials/floors.json``.
    """

    n_trees: int = 200
    max_features: float = 0.15
    """Share of the features looked at in each node."""
    min_leaf: int = 1
    """Records in a leaf."""

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit and score; the mean vote of the trees estimates a probability."""

        def probability(target: Array) -> Array:
            forest = ExtraTreesClassifier(
                self.n_trees,
                max_features=self.max_features,
                min_samples_leaf=self.min_leaf,
                random_state=seed,
                n_jobs=-1,
            ).fit(known, target)
            forest.set_params(n_jobs=1)  # threads add their trees in the order in which they finish
            return np.asarray(forest.predict_proba(wanted)[:, 1])

        return _class_by_class(probability, targets, len(wanted))


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees on binned features, one model per class; missing values have a bin of their own."""

    n_rounds: int = 100
    learning_rate: float = 0.05
    max_leaves: int = 8
    min_leaf: int = 5
    """Records in a leaf; at most a tenth of the labelled ones, and at least 2."""
    max_features: float = 0.2

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit and score; a feature that no labelled record has is left out, as it cannot be binned."""
        there = ~np.isnan(known).all(axis=0)

        def probability(target: Array) -> Array:
            model = HistGradientBoostingClassifier(
                max_iter=self.n_rounds,
                learning_rate=self.learning_rate,
                max_leaf_nodes=self.max_leaves,
                min_samples_leaf=max(2, min(self.min_leaf, len(target) // 10)),
                max_features=self.max_features,
                early_stopping=False,
                random_state=seed,
            )
            return np.asarray(model.fit(known[:, there], target).predict_proba(wanted[:, there])[:, 1])

        return _class_by_class(probability, targets, len(wanted))


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with an L2 penalty, one model per class; the features must be whole and standardised."""

    inverse_penalty: float = 0.01
    """scikit-learn's C."""

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit and score; nothing is drawn."""

        def probability(target: Array) -> Array:
            model = LogisticRegression(C=self.inverse_penalty, max_iter=5000).fit(known, target)
            return np.asarray(model.predict_proba(wanted)[:, 1])

        return _class_by_class(probability, targets, len(wanted))


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of the 0/1 targets, the usual readout of the Rocket family; its scores are no probabilities.

    One penalty for all classes, with the smallest leave-one-out error on the labelled records.
    """

    penalties: tuple[float, ...] = tuple(np.logspace(0, 6, 13).tolist())

    def __call__(self, known: Features, targets: Array, wanted: Features, seed: int) -> Array:
        """Fit and score; nothing is drawn."""
        if len(known) == 1:  # none is left to judge a penalty by
            return np.repeat(targets, len(wanted), axis=0)
        model = RidgeCV(alphas=self.penalties).fit(known, targets)
        return np.asarray(model.predict(wanted), np.float64).reshape(len(wanted), -1)


def _class_by_class(probability: Callable[[Array], Array], targets: Array, n_wanted: int) -> Array:
    """(wanted, class); a class that is all one or all zero gets the constant (positives + 1) / (n + 2)."""
    columns: list[Any] = []
    for target in targets.T:
        if target.min() < target.max():
            columns.append(probability(target))
        else:
            columns.append(np.full(n_wanted, (target.sum() + 1) / (len(target) + 2)))
    return np.stack(columns, axis=1)
