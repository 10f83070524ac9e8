"""What methods ask to be told about the records of a store, found once and kept beside its signals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.floors.tables import measured, standardised_with_gaps
from ssrl_ecg.methods.method import Need
from ssrl_ecg.signals.criteria import CRITERIA, superclass_scores
from ssrl_ecg.training.record_facts import RecordFacts


def record_facts(store: RecordStore, needs: Iterable[Need], training_rows: NDArray[np.int64]) -> RecordFacts:
    """Find what methods need.

    Args:
        store: the records.
        needs: the methods' ``needs``.
        training_rows: rows whose values set the scale of the targets; of other rows nothing is learnt.
    """
    wanted = set(needs)
    return RecordFacts(targets=measurement_targets(store, training_rows) if "measurements" in wanted else None)


def measurement_targets(store: RecordStore, training_rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what a physician reads off every record: measurements, grades of the criteria, scores of the superclasses.

    Returns:
        float32 (record, target), each standardised with mean and SD of the training records and cut at 3 SD; NaN where
        it could not be measured.
    """
    table = measured(store)
    columns = {str(name): table[name].to_numpy(np.float64) for name in table}
    grades = [criterion.grade(columns) for criterion in CRITERIA.values()]
    read = np.column_stack([table.to_numpy(np.float64), *grades, superclass_scores(table)])
    return standardised_with_gaps(read, training_rows).astype(np.float32)
