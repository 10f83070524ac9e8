"""A record as small as a glance needs: the standard sheet at 100 Hz in steps of 25 uV, one byte a sample.

Three rows of four leads with 2.5 s each, one after the other in time, and a rhythm strip of lead II: 4,000 bytes a
record, a third more as text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample

RATE_HZ, DURATION_S, STEP_MV = 100.0, 10.0, 0.025
N_SAMPLES = round(RATE_HZ * DURATION_S)
ABSENT = -128
"""Value of a sample where there is nothing."""

_N_COLUMNS, _N_ROWS, _RHYTHM_LEAD, _LARGEST = 4, 3, 1, 127
_READ_AT_ONCE = 256

ROW_LEADS: tuple[tuple[str, ...], ...] = (
    *(tuple(LEADS[_N_ROWS * column + row] for column in range(_N_COLUMNS)) for row in range(_N_ROWS)),
    (LEADS[_RHYTHM_LEAD],),
)
"""Names of the leads of each row, in the order of time."""


def miniature(signal_mv: NDArray[np.floating[Any]], sampling_rate_hz: float) -> NDArray[np.int8]:
    """Reduce a record to what a glance needs.

    Args:
        signal_mv: (12, time) in canonical order, in mV; NaN where there is nothing.
        sampling_rate_hz: its rate.

    Returns:
        int8 (row, sample) in steps of ``STEP_MV`` at ``RATE_HZ``: I aVR V1 V4, II aVL V2 V5, III aVF V3 V6 with 2.5 s
        each, one after the other in time, and 10 s of II; beyond +-3.175 mV clipped, -128 where there is nothing.
    """
    shown = resample(np.asarray(signal_mv), sampling_rate_hz, RATE_HZ)[:, :N_SAMPLES]
    whole = np.full((len(LEADS), N_SAMPLES), np.nan)
    whole[:, : shown.shape[1]] = shown
    by_column = whole.reshape(_N_COLUMNS, _N_ROWS, _N_COLUMNS, -1)  # (column of the lead, row, column in time, sample)
    column = np.arange(_N_COLUMNS)
    rows = by_column[column, :, column].transpose(1, 0, 2).reshape(_N_ROWS, N_SAMPLES)
    steps = np.rint(np.vstack([rows, whole[_RHYTHM_LEAD]]) / STEP_MV).clip(-_LARGEST, _LARGEST)
    return np.where(np.isnan(steps), ABSENT, steps).astype(np.int8)


def miniatures(store: RecordStore, rows: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return int8 (record, row, sample), see ``miniature``, of rows of a store."""
    parts: list[NDArray[np.int64]] = np.split(rows, range(_READ_AT_ONCE, len(rows), _READ_AT_ONCE))
    rate_hz = store.facts.sampling_rate_hz
    return np.stack([miniature(signal_mv, rate_hz) for part in parts for signal_mv in store.read_mv(part)])
