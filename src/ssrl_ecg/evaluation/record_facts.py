"""What methods ask to be told about the records of a store, found once and kept beside its signals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from ssrl_ecg.data.simulation_truth import SimulationTruth
from ssrl_ecg.data.simulator import PARAMETERS, STATEMENT_CODES
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.beat_table import stored_beats
from ssrl_ecg.evaluation.floors.tables import measured, standardised_with_gaps
from ssrl_ecg.methods.method import Need
from ssrl_ecg.signals.beat_features import BEAT_FEATURES, MORPHOLOGY_FEATURES
from ssrl_ecg.signals.criteria import CRITERIA, superclass_scores
from ssrl_ecg.training.record_facts import RecordFacts

N_BEAT_CLASSES = 16
"""Clusters of beats; our choice: a few times the five classes of AAMI, which tell where a beat starts but not how."""
_WAVE_CODES = np.array([1, 2, 3], np.uint8)


def record_facts(store: RecordStore, needs: Iterable[Need], training_rows: NDArray[np.int64]) -> RecordFacts:
    """Find what methods need.

    Args:
        store: the records.
        needs: the methods' ``needs``.
        training_rows: rows whose values set the scale of the targets; of other rows nothing is learnt.

    Raises:
        InputError: somebody needs a simulation, and the records are none; or beats, and there are none.
    """
    wanted = set(needs)
    if "simulation" in wanted:
        return simulation_facts(store, training_rows)
    return replace(
        beat_facts(store, training_rows) if wanted & {"beats", "rpeaks"} else RecordFacts(),
        targets=measurement_targets(store, training_rows) if "measurements" in wanted else None,
    )


def beat_facts(store: RecordStore, training_rows: NDArray[np.int64]) -> RecordFacts:
    """Return where the beats of every record are and what they look like.

    Returns:
        ``rpeaks_s``; ``beat_features``, in the order of ``BEAT_FEATURES``, standardised like measurements with mean and
        SD of the training records' beats; ``beat_classes``, clusters of shape: k-means on ``MORPHOLOGY_FEATURES``,
        fitted to the training records' beats, always from the same start. What is unknown of a beat counts as average.
    """
    table = stored_beats(store)
    training_beats = table.rows_of(training_rows)
    if not len(training_beats):
        raise InputError("no beats were found to learn from", file=store.path)
    features = standardised_with_gaps(table.features, training_beats).astype(np.float32)
    shapes = np.nan_to_num(features[:, [BEAT_FEATURES.index(name) for name in MORPHOLOGY_FEATURES]])
    clusters = KMeans(min(N_BEAT_CLASSES, len(training_beats)), n_init=4, random_state=0).fit(shapes[training_beats])
    return RecordFacts(
        rpeaks_s=table.per_record(table.r_peaks_s),
        beat_classes=table.per_record(clusters.predict(shapes).astype(np.int64)),
        beat_features=table.per_record(features),
    )


def measurement_targets(store: RecordStore, training_rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what a physician reads off every record: measurements, grades of the criteria, scores of the superclasses.

    Returns:
        float32 (record, target) in the order of ``methods.measurements.TARGETS``, each standardised with mean and SD of
        the training records and cut at 3 SD; NaN where it could not be measured.
    """
    table = measured(store)
    columns = {str(name): table[name].to_numpy(np.float64) for name in table}
    grades = [criterion.grade(columns) for criterion in CRITERIA.values()]
    read = np.column_stack([table.to_numpy(np.float64), *grades, superclass_scores(table)])
    return standardised_with_gaps(read, training_rows).astype(np.float32)


def simulation_facts(store: RecordStore, training_rows: NDArray[np.int64]) -> RecordFacts:
    """Return what the simulator knows of every record.

    Returns:
        ``targets``, float32 (record, target): ``simulator.PARAMETERS``, standardised like measurements, NaN where there
        is none (the P wave of a fibrillating heart), then ``STATEMENT_CODES``, 0 or 1; and ``masks`` of P, QRS and T.

    Raises:
        InputError: the records are not simulated, or by another version.
    """
    truth = SimulationTruth.of_store(store.path)
    diagnoses = store.labels("all")
    absent = [name for name in PARAMETERS if name not in truth.parameters]
    if absent or diagnoses.classes != STATEMENT_CODES:
        raise InputError("these records were simulated by another version; write them again", file=store.path,
                         field=", ".join(absent) or "statements", expected="ssrl-ecg data synthetic")  # fmt: skip
    parameters = standardised_with_gaps(truth.parameters[list(PARAMETERS)].to_numpy(np.float64), training_rows)
    targets = np.column_stack([parameters, diagnoses.values]).astype(np.float32)
    return RecordFacts(targets=targets, masks=truth.masks[:, None] == _WAVE_CODES[:, None])
