"""Test records as a recorder would have delivered them: corrupted, on its grid, and the same for every model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.measurement_table import measure_records
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, CORRUPTIONS, Corruption, record_seed

_UV_PER_MV = 1000
_LARGEST_UV = 32_767
_CORRUPTED = 2
"""Corruptions whose signals are kept in memory: tens of megabytes each."""


@dataclass(frozen=True, eq=False)
class CorruptedRecords(RecordStore):
    """Records in memory instead of in files; row k is the k-th of those that were corrupted."""

    def __reduce__(self) -> tuple[Callable[..., CorruptedRecords], tuple[Any, ...]]:
        """Pickle the signals: those in the folder are the clean ones."""
        return CorruptedRecords, (self.path, self.facts, self.records, self.signals_uv)

    def sha256(self) -> str:
        """Hash of every sample: equal hashes mean that models saw the same."""
        return hashlib.sha256(np.ascontiguousarray(self.signals_uv).tobytes()).hexdigest()


class TestRecords:
    """The test records under any corruption; what was made lately is remembered.

    Args:
        store: the clean records.
        rows: test rows.
        seed: of all that corruptions draw.
        noises: recorded noise by name, its test part.
    """

    __test__ = False  # pytest would take it for a test

    def __init__(
        self, store: RecordStore, rows: NDArray[np.int64], seed: int, noises: Mapping[str, SignalFile]
    ) -> None:
        self.store, self.rows, self.seed, self.noises = store, rows, seed, noises
        self.corrupted = Remembering(self._corrupt, _CORRUPTED)
        self.measured = Remembering(self._measure)

    def settings(self, corruption: Corruption) -> list[Any]:
        """Plain values that the corrupted samples depend on."""
        family = CORRUPTIONS.get(corruption.family)
        noise = self.noises[family.noise].signal_mv if family is not None and family.noise else np.empty(0)
        ids = self.store.records["record_id"].to_numpy()[self.rows]
        return [
            corruption.name, self.seed, self.store.facts.fingerprint, ids,
            hashlib.sha256(noise.tobytes()).hexdigest(),
        ]  # fmt: skip

    def _corrupt(self, corruption: Corruption) -> CorruptedRecords:
        store, records = self.store, self.store.records.iloc[self.rows].reset_index(drop=True)
        signal_mv = store.read_mv(self.rows)
        if corruption != CLEAN:
            family = CORRUPTIONS[corruption.family]
            transform = family.transform(corruption.severity, self.noises.get(family.noise))
            for one_mv, record_id in zip(signal_mv, records["record_id"], strict=True):
                seed = record_seed(self.seed, corruption.family, record_id)
                one_mv[:] = transform(one_mv.copy(), store.facts.sampling_rate_hz, seed)
        signals_uv = np.rint(signal_mv * _UV_PER_MV).clip(-_LARGEST_UV, _LARGEST_UV).astype(np.int16)
        return CorruptedRecords(store.path, replace(store.facts, n_records=len(records)), records, signals_uv)

    def _measure(self, corruption: Corruption) -> pd.DataFrame:
        return measure_records(self.corrupted(corruption), n_jobs=1).values
