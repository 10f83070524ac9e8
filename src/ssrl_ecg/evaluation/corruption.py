"""Recordings made worse on purpose, to see how far scores fall: added noise, a stretch without signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """What is done to a recording; the two robustness checks that SSRL-ECG documents.

    Each record is corrupted in its own way, which depends on the seed and its row alone, not on what is read with it.
    """

    noise_sd_mv: float = 0.0
    """SD of Gaussian noise, drawn for every lead and sample; in mV, at least 0."""
    mask_fraction: float = 0.0
    """Share of the recording, in one block at a random place, in which all leads are 0; in [0, 1]."""
    seed: int = 42
    """Of the noise and the block's place; at least 0."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, value, high in (("noise_sd_mv", self.noise_sd_mv, np.inf), ("mask_fraction", self.mask_fraction, 1)):
            if not 0 <= value <= high or not np.isfinite(value):
                expected = "at least 0" if high == np.inf else "between 0 and 1"
                raise InputError("no such corruption", field=name, expected=expected, found=value)
        if self.seed < 0:
            raise InputError("a seed is not negative", field="seed", found=self.seed)

    @property
    def is_none(self) -> bool:
        """Whether records stay as they are."""
        return self.noise_sd_mv == 0 and self.mask_fraction == 0

    def apply(self, signal_mv: NDArray[np.float32], row: int) -> NDArray[np.float32]:
        """Return a corrupted copy of one record.

        Args:
            signal_mv: (lead, time) in mV.
            row: the record's row in its store.
        """
        rng = np.random.default_rng([self.seed, row])
        noise = rng.standard_normal(signal_mv.shape, dtype=np.float32)
        corrupted: NDArray[np.float32] = signal_mv + np.float32(self.noise_sd_mv) * noise
        n_samples = signal_mv.shape[-1]
        n_masked = round(self.mask_fraction * n_samples)
        start = int(rng.integers(0, n_samples - n_masked + 1))
        corrupted[:, start : start + n_masked] = 0
        return corrupted


@dataclass(frozen=True, eq=False)
class CorruptedStore(RecordStore):
    """A store whose records come out corrupted when they are read; nothing on disk changes."""

    corruption: Corruption

    @classmethod
    def of(cls, store: RecordStore, corruption: Corruption) -> CorruptedStore:
        """Wrap a store."""
        return cls(store.path, store.facts, store.records, store.signals_uv, corruption)

    def __reduce__(self) -> tuple[Callable[..., CorruptedStore], tuple[RecordStore, Corruption]]:  # type: ignore[override]
        """Pickle the corruption beside the store."""
        plain = RecordStore(self.path, self.facts, self.records, self.signals_uv)
        return CorruptedStore.of, (plain, self.corruption)

    def read_mv(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Read records, corrupted; otherwise as ``RecordStore.read_mv``."""
        signal_mv = super().read_mv(rows)
        for position, row in enumerate(np.atleast_1d(np.asarray(rows)).tolist()):
            signal_mv[position] = self.corruption.apply(signal_mv[position], row)
        return signal_mv
