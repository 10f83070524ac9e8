"""What some methods are told about each record besides its signal, and how it follows a window."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

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
        masks: bool (record, wave, time) at the store's rate.
    """

    targets: NDArray[np.float32] | None = None
    rpeaks_s: Sequence[NDArray[np.floating]] | None = None
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
        inside = []
        for row, start_s in zip(rows.tolist(), starts_s.tolist(), strict=True):
            peaks = np.round(np.asarray(self.rpeaks_s[row]) - start_s, 6)  # microseconds: a beat on the edge is inside
            inside.append(peaks[(peaks >= 0) & (peaks < window_s)])
        padded = np.full((len(inside), max(1, *map(len, inside))), np.nan, np.float32)
        for values, peaks in zip(padded, inside, strict=True):
            values[: len(peaks)] = peaks
        return torch.from_numpy(padded).to(rows.device)

    def masks_in(self, rows: Tensor, starts: Tensor, window_samples: int) -> Tensor | None:
        """Return bool (batch, wave, window_samples), the masks inside a window of each record, or None."""
        if self.masks is None:
            return None
        return cut(torch.from_numpy(self.masks[rows.cpu().numpy()]), starts, window_samples).to(rows.device)

    def identity(self) -> str:
        """SHA-256 of all facts: equal for facts that train the same weights."""
        digest = hashlib.sha256()
        for values in (self.targets, self.masks, *(self.rpeaks_s or ())):
            digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
