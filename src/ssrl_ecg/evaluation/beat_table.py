"""The beats of every record of a store: where they are and what they look like, found once by several processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.kept_beside import kept_beside
from ssrl_ecg.signals.beat_features import DescribedBeats, describe_beats

_CHUNK = 64


@dataclass(frozen=True, eq=False)
class BeatTable:
    """All beats of a store, record after record.

    Attributes:
        r_peaks_s: (beat,) seconds from the start of the beat's record, ascending within it.
        features: (beat, feature) in the order of ``BEAT_FEATURES``, NaN where unknown.
        offsets: (record + 1,) where each record's beats begin; the last is their number.
    """

    r_peaks_s: NDArray[np.float64]
    features: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def rows_of(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of this table that belong to some records, in their order."""
        return np.concatenate(
            [np.zeros(0, np.int64), *(np.arange(self.offsets[row], self.offsets[row + 1]) for row in records)]
        )

    def per_record(self, of_beats: NDArray[Any]) -> list[NDArray[Any]]:
        """Cut what is known of every beat, (beat, ...), into one array per record."""
        return np.split(of_beats, self.offsets[1:-1])


def stored_beats(store: RecordStore) -> BeatTable:
    """Return the beats of every record of a store, from ``rpeaks.npz`` in its folder if they are there."""
    return BeatTable(**kept_beside(store, "rpeaks", lambda: vars(find_beats(store, n_jobs=-1))))


def find_beats(store: RecordStore, *, n_jobs: int = 2) -> BeatTable:
    """Find the beats of every record of a store; the result does not depend on the number of processes.

    Args:
        store: the records.
        n_jobs: processes; 1 looks in this one, -1 takes as many as there are cores.
    """
    chunks = [np.arange(start, min(start + _CHUNK, len(store))) for start in range(0, len(store), _CHUNK)]
    parts = Parallel(n_jobs=n_jobs if len(chunks) > 1 else 1)(delayed(_found)(store, chunk) for chunk in chunks)
    beats = [beats for part in parts for beats in part]
    return BeatTable(
        r_peaks_s=np.concatenate([own.r_peaks_s for own in beats]),
        features=np.concatenate([own.features for own in beats]).astype(np.float32),
        offsets=np.cumsum([0, *(len(own.r_peaks_s) for own in beats)]),
    )


def _found(store: RecordStore, rows: NDArray[np.int64]) -> list[DescribedBeats]:
    return [describe_beats(signal_mv, store.facts.sampling_rate_hz) for signal_mv in store.read_mv(rows)]
