"""What some methods are told about each record besides its signal, and how it follows a window."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.training.windows import cut


@dataclass(frozen=True, eq=False)
class RecordFacts:
    """Facts of every record of a store, in its order; None where no method asked.

    Attributes:
        targets: float32 (record, target), standardised, NaN where unknown.
        rpeaks_s: per record ascending seconds from its start.
        beat_classes: per record (beat,) int64 >= 0, the classes of shape of the beats of ``rpeaks_s``.
        beat_features: per record (beat, feature) float32, standardised, NaN where unknown.
        masks: bool (record, wave, time) at the store's rate.
    """

    targets: NDArray[np.float32] | None = None
    rpeaks_s: Sequence[NDArray[np.floating]] | None = None
    beat_classes: Sequence[NDArray[np.int64]] | None = None
    beat_features: Sequence[NDArray[np.float32]] | None = None
    masks: NDArray[np.bool_] | None = None

    def targets_of(self, rows: Tensor) -> Tensor | None:
        """Return float32 (batch, target) of these rows, or None."""
        return None if self.targets is None else torch.from_numpy(self.targets[rows.cpu().numpy()]).to(rows.device)

    def rpeaks_in(self, rows: Tensor, starts_s: Tensor, window_s: float) -> Tensor | None:
        """Return the R peaks inside a window of each record.

        Args:
            rows: (batch,) rows of the store.
            starts_s: (batch,) where the windows begin, in seconds from the record's start.
            window_s: length of the windows in seconds.

        Returns:
            float32 (batch, beat), seconds from the window's beginning in [0, window_s), ascending, padded with NaN to
            the largest number of beats (at least 1 column); or None.
        """
        if self.rpeaks_s is None:
            return None
        peaks = self._of_beats_inside(self.rpeaks_s, rows, starts_s, window_s)
        from_start = [np.round(own - start_s, 6) for own, start_s in zip(peaks, starts_s.tolist(), strict=True)]
        return _padded(from_start, np.nan, np.float32).to(rows.device)

    def beat_classes_in(self, rows: Tensor, starts_s: Tensor, window_s: float) -> Tensor | None:
        """Return int64 (batch, beat), the classes of the beats of ``rpeaks_in``, padded with -1; or None."""
        if self.beat_classes is None:
            return None
        inside = self._of_beats_inside(self.beat_classes, rows, starts_s, window_s)
        return _padded(inside, -1, np.int64).to(rows.device)

    def beat_features_in(self, rows: Tensor, starts_s: Tensor, window_s: float) -> Tensor | None:
        """Return float32 (batch, beat, feature) of the beats of ``rpeaks_in``, padded with NaN; or None."""
        if self.beat_features is None:
            return None
        inside = self._of_beats_inside(self.beat_features, rows, starts_s, window_s)
        return _padded(inside, np.nan, np.float32).to(rows.device)

    def masks_in(self, rows: Tensor, starts: Tensor, window_samples: int) -> Tensor | None:
        """Return bool (batch, wave, window_samples), the masks inside a window of each record, or None."""
        if self.masks is None:
            return None
        return cut(torch.from_numpy(self.masks[rows.cpu().numpy()]), starts, window_samples).to(rows.device)

    def _of_beats_inside(
        self, of_beats: Sequence[NDArray[Any]], rows: Tensor, starts_s: Tensor, window_s: float
    ) -> list[NDArray[Any]]:
        """Return per record of the batch what is known of the beats inside its window."""
        assert self.rpeaks_s is not None
        inside = []
        for row, start_s in zip(rows.tolist(), starts_s.tolist(), strict=True):
            peaks = np.round(np.asarray(self.rpeaks_s[row]) - start_s, 6)  # microseconds: a beat on the edge is inside
            inside.append(np.asarray(of_beats[row])[(peaks >= 0) & (peaks < window_s)])
        return inside

    def identity(self) -> str:
        """SHA-256 of all facts: equal for facts that train the same weights."""
        digest = hashlib.sha256()
        per_beat = (self.rpeaks_s, self.beat_classes, self.beat_features)
        for values in (self.targets, self.masks, *(record for known in per_beat for record in known or (None,))):
            digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def _padded(per_record: list[NDArray[Any]], fill: float, dtype: type[np.generic]) -> Tensor:
    """Stack (beat, ...) of several records, each filled up to the largest number of beats, at least one."""
    n_beats = max(1, *map(len, per_record))
    stacked = np.full((len(per_record), n_beats, *per_record[0].shape[1:]), fill, dtype)
    for row, values in zip(stacked, per_record, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(stacked)
