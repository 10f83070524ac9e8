"""The floors of one store and label set, with the constants they were given; what several need is made once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.floors.arm import Floor
from ssrl_ecg.evaluation.floors.blends import Known, PriorBlend, Stack
from ssrl_ecg.evaluation.floors.knowledge import Knowledge
from ssrl_ecg.evaluation.floors.learners import Boosting, Forest, Logistic, Ridge, TableFloor
from ssrl_ecg.signals.criteria import SUPERCLASSES
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.run import as_config

_FOREST, _BOOSTING, _LOGISTIC, _RIDGE = Forest(), Boosting(), Logistic(), Ridge()
_STACK_DEFAULTS = {"forest": 0.6, "boosting": 0.2, "minirocket": 0.2}

CONSTANTS: dict[str, Any] = {
    "forest": as_config(_FOREST),
    "boosting": as_config(_BOOSTING),
    "logistic": as_config(_LOGISTIC),
    "ridge": as_config(_RIDGE),
    "prior": PriorBlend.strength,
    "stack": {"defaults": _STACK_DEFAULTS, "strength": Stack.strength, "least": Stack.least},
}
"""All that was chosen, on folds 1-5 judged on fold 6 of the PTB-XL sample (``results/trials/floors.json``)."""


class Workshop:
    """Builds floors on demand.

    Args:
        store: the records.
        labels: the label set.
        training_rows: training records, labelled or not.
        preprocessing: what MiniRocket is fed.
    """

    def __init__(
        self, store: RecordStore, labels: Labels, training_rows: NDArray[np.int64], preprocessing: Preprocessing
    ) -> None:
        self.known, self.labels = Knowledge(store, training_rows, preprocessing), labels

    @cached_property
    def criteria(self) -> Known:
        """Textbook criteria alone."""
        return Known(self.known.criteria(self.labels.classes))

    @cached_property
    def forest(self) -> TableFloor:
        """A forest on measurements and the grades of criteria."""
        return TableFloor(self.known.read, _FOREST)

    @cached_property
    def forest_age_sex(self) -> TableFloor:
        """The same with age and sex."""
        return TableFloor(self.known.read_with_age_and_sex, _FOREST)

    @cached_property
    def boosting(self) -> TableFloor:
        """Boosted trees on what the forest has."""
        return TableFloor(self.known.read, _BOOSTING)

    @cached_property
    def logistic(self) -> TableFloor:
        """Logistic regression on what the forest has."""
        return TableFloor(self.known.read_standardised, _LOGISTIC)

    @cached_property
    def minirocket(self) -> TableFloor:
        """Ridge regression on MiniRocket features."""
        return TableFloor(self.known.minirocket, _RIDGE)

    @cached_property
    def prior_forest(self) -> PriorBlend:
        """Criteria first, the forest as labels come in."""
        return PriorBlend(self.criteria, self.forest)

    @cached_property
    def ensemble(self) -> Floor:
        """A stack of forest, boosting and MiniRocket, under the criteria's prior where the classes are theirs."""
        return self.ensemble_with({})

    def ensemble_with(self, more: Mapping[str, Floor]) -> Floor:
        """The ensemble with further members by name, which share MiniRocket's default weight: all see signals alone."""
        members = {"forest": self.forest, "boosting": self.boosting, "minirocket": self.minirocket, **more}
        share = _STACK_DEFAULTS["minirocket"] / (1 + len(more))
        stack = Stack(members, _STACK_DEFAULTS | dict.fromkeys(["minirocket", *more], share))
        return PriorBlend(self.criteria, stack) if {*self.labels.classes} == {*SUPERCLASSES} else stack
