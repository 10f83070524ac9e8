"""MiniRocket features: random convolutions of the whole recording, the strongest cheap baseline for time series."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.windows import filtered_mv

N_KERNELS = 10_000


def check_minirocket() -> None:
    """Refuse before anything is computed.

    Raises:
        InputError: the package that has MiniRocket is not installed.
    """
    if importlib.util.find_spec("aeon") is None:
        raise InputError("MiniRocket needs: pip install 'ssrl-ecg[floors]'", field="floors", found="no aeon")


class MiniRocketFeatures:
    """MiniRocket features of whole records; the kernels' biases are fitted on the training records alone.

    Dempster, Schmidt & Webb, KDD 2021, in aeon's implementation (extra ``[floors]``), on all leads together.

    Args:
        store: the records.
        training_rows: rows the biases are fitted on.
        preprocessing: rate, leads and filter; whole records in millivolt are transformed, without normalisation.
        n_kernels: number of features, rounded down to a multiple of 84 by the algorithm.
        seed: seed of dilations, channels and biases.

    Raises:
        InputError: the package that has MiniRocket is not installed.
    """

    def __init__(
        self,
        store: RecordStore,
        training_rows: NDArray[np.int64],
        preprocessing: Preprocessing,
        *,
        n_kernels: int = N_KERNELS,
        seed: int = 0,
    ) -> None:
        check_minirocket()
        from aeon.transformations.collection.convolution_based import MiniRocket

        self._preprocessing = preprocessing
        self._transform = MiniRocket(n_kernels=n_kernels, random_state=seed, n_jobs=1)
        self._transform.fit(filtered_mv(store, training_rows, preprocessing))

    def of(self, store: RecordStore, rows: NDArray[np.int64], *, batch_size: int = 256) -> NDArray[np.float32]:
        """Features of records as long as the training records: float32 (row, feature), ``batch_size`` at a time."""
        parts = [
            self._transform.transform(filtered_mv(store, rows[start : start + batch_size], self._preprocessing))
            for start in range(0, len(rows), batch_size)
        ]
        return np.concatenate([np.asarray(part, np.float32) for part in parts])
