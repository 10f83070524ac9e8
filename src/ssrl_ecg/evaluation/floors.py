"""Floors that learn no representation: a method that does not clear them has shown nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Family, Scores, Task
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import filtered_mv

_RIDGE_PENALTIES = np.logspace(0, 6, 13)


def minirocket_features(
    store: RecordStore,
    training_rows: np.ndarray,
    preprocessing: Preprocessing,
    *,
    n_kernels: int = 10_000,
    seed: int = 0,
    batch_size: int = 256,
) -> np.ndarray:
    """MiniRocket features of every record of a store; the kernels' biases are fitted on the training records alone.

    Dempster, Schmidt & Webb, KDD 2021, in aeon's implementation (extra ``[floors]``), on all leads together.

    Args:
        store: the records.
        training_rows: rows the biases are fitted on.
        preprocessing: rate, leads and filter; whole records in millivolt are transformed, without normalisation.
        n_kernels: number of features, rounded down to a multiple of 84 by the algorithm.
        seed: seed of dilations, channels and biases.
        batch_size: records at a time.

    Returns:
        float32 (record, feature) for all rows of the store.
    """
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket
    except ImportError as error:
        raise InputError("MiniRocket needs the extra packages of pip install 'ssrl-ecg[floors]'") from error
    transform = MiniRocket(n_kernels=n_kernels, random_state=seed, n_jobs=1)
    transform.fit(filtered_mv(store, training_rows, preprocessing))
    n_records = len(store.records)
    parts = [
        np.asarray(
            transform.transform(
                filtered_mv(store, np.arange(start, min(start + batch_size, n_records)), preprocessing)
            ),
            np.float32,
        )
        for start in range(0, n_records, batch_size)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class RidgeArm(Arm):
    """Ridge regression of 0/1 targets on fixed features, penalty by leave-one-out error on the training records.

    The usual readout of the Rocket family; its scores rank records but are no probabilities.

    Attributes:
        name: row name.
        features: (record, feature) of every record of the store.
        family: always "floor".
    """

    name: str
    features: np.ndarray
    family: Family = "floor"

    def run(self, task: Task) -> list[Scores]:
        """Fit once on the labelled rows; nothing is chosen on validation rows."""
        scaler = StandardScaler().fit(self.features[task.rows])
        model = RidgeCV(alphas=_RIDGE_PENALTIES, alpha_per_target=True)
        model.fit(scaler.transform(self.features[task.rows]), task.labels.values[task.rows].astype(np.float64))

        def score(rows: np.ndarray) -> np.ndarray:
            return np.asarray(model.predict(scaler.transform(self.features[rows])), np.float32).reshape(len(rows), -1)

        return [Scores(score(split.validation), score(split.test)) for split in task.splits]
