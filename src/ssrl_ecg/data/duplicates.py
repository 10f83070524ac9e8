"""The same recording found again, whatever became of it on its way through another collection.

Collections copy from each other and change what they copy: rate, unit, gain, rounding, the order of leads, filters.
What stays is the shape of every lead in the band that all of them keep. A recording is therefore described by its
Fourier coefficients between ``LOW_HZ`` and ``HIGH_HZ``, each lead scaled to unit norm: the inner product of two such
descriptions is the mean over leads of the correlation of the band-passed signals (Parseval), whatever their rates.

Comparing all pairs on whole descriptions would cost too much, so candidates come from random projections
(Johnson & Lindenstrauss 1984): between projections on k directions a correlation r is estimated with a standard
deviation of about (1 - r^2) / sqrt(k), 0.02 where it matters. Candidates are then verified on the whole descriptions.

What is not found: another cut of the same long recording, or a copy shifted by more than some 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS

LOW_HZ, HIGH_HZ = 1.0, 20.0
"""Band of the comparison: above baseline wander and its high-passes, below mains and what 50 Hz sampling would lose."""
SAME_FROM = 0.9
"""Mean correlation over leads from which two recordings are the same.

Measured by ``benchmarks/duplicates.py`` on the PTB-XL sample: copies of its 120 records at 500 Hz that were resampled
to 100 or 257 Hz, scaled, rounded to 0.05 mV, given 0.05 mV of noise or shifted by 2 ms have at least 0.97. Of copies
filtered to 0.5-40 Hz 98 % are found, of copies shifted by 10 ms 7 %. Of the 3.3 million pairs that are no copies, LUDB
and the sample of CinC 2021 included, the highest has 0.78, and of two records of one patient 0.53.
"""

_FLAT_MV = np.float32(1e-3)
_N_DIRECTIONS = 128
_CANDIDATE_FROM = SAME_FROM - 0.1  # six standard deviations of the estimate at SAME_FROM
_CHUNK = 512
_BLOCK = 4096
_LEADS = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]


class Duplicates(NamedTuple):
    """Pairs of records that hold the same recording, first < second, in the order of ``first``.

    Attributes:
        first: (pair,) int64 row.
        second: (pair,) int64 row.
        correlation: (pair,) float64, mean over leads of the correlation between ``LOW_HZ`` and ``HIGH_HZ``.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    correlation: NDArray[np.float64]


def find_duplicates(store: RecordStore) -> Duplicates:
    """Find all pairs of records of a store that hold the same recording.

    A record of which every lead is flat in the band is the same as none.

    Returns:
        The pairs; a recording that is there three times gives three.
    """
    projections = _projections(store)
    pairs = np.concatenate([*_candidates(projections), np.empty((0, 2), np.int64)])
    correlations = [np.empty(0)]
    for start in range(0, len(pairs), _CHUNK):
        first, second = (describe(store.read_mv(rows), _rate_hz(store)) for rows in pairs[start : start + _CHUNK].T)
        correlations.append(np.einsum("ij,ij->i", first, second, dtype=np.float64))
    correlation = np.concatenate(correlations)
    same = correlation >= SAME_FROM
    return Duplicates(pairs[same, 0], pairs[same, 1], correlation[same])


def describe(signal_mv: NDArray[np.floating], sampling_rate_hz: float) -> NDArray[np.float32]:
    """Describe recordings by the shape of their independent leads between ``LOW_HZ`` and ``HIGH_HZ``.

    Args:
        signal_mv: (record, lead, time), leads in canonical order, all of one length.
        sampling_rate_hz: above twice ``HIGH_HZ``; descriptions at different rates are comparable.

    Returns:
        (record, value): inner products are mean correlations over leads. A flat lead counts as correlated with none,
        itself included.
    """
    n_samples = signal_mv.shape[-1]
    spectrum = fft.rfft(signal_mv[:, _LEADS].astype(np.float32), axis=-1)
    frequency_hz = fft.rfftfreq(n_samples, 1 / sampling_rate_hz)
    in_band = (frequency_hz >= LOW_HZ) & (frequency_hz <= HIGH_HZ)
    band = np.ascontiguousarray(spectrum[..., in_band]).view(np.float32)
    norm = np.linalg.norm(band, axis=-1, keepdims=True)
    is_flat = norm * np.float32(2**0.5) < _FLAT_MV * n_samples  # Parseval: the SD is sqrt(2) / n times the norm
    scaled: NDArray[np.float32] = np.where(is_flat, 0, band) / np.where(is_flat, 1, norm * len(_LEADS) ** 0.5)
    return scaled.reshape(len(signal_mv), -1)


def _projections(store: RecordStore) -> NDArray[np.float32]:
    """Return (record, direction) unit vectors; always the same directions."""
    rng = np.random.default_rng(0)
    directions = None
    parts = []
    for start in range(0, len(store), _CHUNK):
        described = describe(store.read_mv(np.arange(start, min(start + _CHUNK, len(store)))), _rate_hz(store))
        if directions is None:
            directions = rng.standard_normal((described.shape[1], _N_DIRECTIONS), dtype=np.float32)
        parts.append(described @ directions)
    projections = np.concatenate(parts)
    norm = np.linalg.norm(projections, axis=1, keepdims=True)
    unit: NDArray[np.float32] = projections / np.where(norm > 0, norm, 1)
    return unit


def _candidates(projections: NDArray[np.float32]) -> Iterator[NDArray[np.int64]]:
    """Yield (pair, 2) rows, the first smaller, whose projections are alike, block by block of the first."""
    for start in range(0, len(projections), _BLOCK):
        for other in range(start, len(projections), _BLOCK):
            alike = projections[start : start + _BLOCK] @ projections[other : other + _BLOCK].T >= _CANDIDATE_FROM
            pairs = np.argwhere(alike) + np.array([start, other])
            yield pairs[pairs[:, 0] < pairs[:, 1]]


def _rate_hz(store: RecordStore) -> float:
    return store.facts.sampling_rate_hz
