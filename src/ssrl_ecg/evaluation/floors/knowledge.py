"""Everything the floors know of a store's records before a label is seen, each made once and on demand."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.floors.minirocket import MiniRocketFeatures
from ssrl_ecg.evaluation.floors.tables import age_and_sex, measured, standardised
from ssrl_ecg.signals.criteria import CRITERIA, SUPERCLASSES, superclass_scores
from ssrl_ecg.signals.preprocessing import Preprocessing


class Knowledge:
    """What is known of every record of a store.

    Args:
        store: the records.
        training_rows: training records, labelled or not; medians, scales and ranks come from their signals.
        preprocessing: what MiniRocket is fed.
    """

    def __init__(self, store: RecordStore, training_rows: NDArray[np.int64], preprocessing: Preprocessing) -> None:
        self.store, self.training_rows, self.preprocessing = store, training_rows, preprocessing

    @cached_property
    def table(self) -> pd.DataFrame:
        """Measurements, NaN where missing: (record, measurement)."""
        return measured(self.store)

    @cached_property
    def read(self) -> NDArray[np.float64]:
        """What a physician reads off: measurements, the grade of every criterion, the scores of the superclasses."""
        return what_is_read(self.table)

    @cached_property
    def read_with_age_and_sex(self) -> NDArray[np.float64]:
        """The same with age and sex of the patient."""
        return np.column_stack([self.read, age_and_sex(self.store).to_numpy(np.float64)])

    @cached_property
    def read_standardised(self) -> NDArray[np.float64]:
        """The same without gaps, on one scale, for linear models."""
        return standardised(self.read, self.training_rows)

    @cached_property
    def minirocket(self) -> NDArray[np.float32]:
        """MiniRocket features on one scale: float32 (record, feature)."""
        rocket = MiniRocketFeatures(self.store, self.training_rows, self.preprocessing)
        features = rocket.of(self.store, np.arange(len(self.store)))
        scaler = StandardScaler(copy=False).fit(features[self.training_rows])
        return np.asarray(scaler.transform(features), np.float32)

    def criteria(self, classes: tuple[str, ...]) -> NDArray[np.float64]:
        """Textbook criteria for the superclasses, in the order of ``classes``: (record, class) in [0, 1]."""
        return criteria_scores(self.table, classes)


def what_is_read(table: pd.DataFrame) -> NDArray[np.float64]:
    """Measurements, the grade of every criterion and the scores of the superclasses: (record, feature)."""
    columns = {str(name): table[name].to_numpy(np.float64) for name in table}
    grades = [criterion.grade(columns) for criterion in CRITERIA.values()]
    return np.column_stack([table.to_numpy(np.float64), *grades, superclass_scores(table)])


def criteria_scores(table: pd.DataFrame, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Textbook criteria for the superclasses, in the order of ``classes``: (record, class) in [0, 1]."""
    return superclass_scores(table)[:, [SUPERCLASSES.index(name) for name in classes]]
