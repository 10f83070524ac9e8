"""Are copies of a recording found, are others not, and what does it cost: the signal part of the leakage audit.

Copies are made of the records that are there at 500 Hz; others are all pairs of PTB-XL, LUDB and CinC 2021 at 100 Hz
(folders ``ludb`` and ``cinc2021-sample`` beside PTB-XL, as far as they are there).

    python benchmarks/duplicates.py --data PTBXL
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import SEED, Outcome, Sample, at_least, at_most, main, timed
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, sosfiltfilt

from ssrl_ecg.data.cinc2021 import CinC2021
from ssrl_ecg.data.combined import CombinedStore
from ssrl_ecg.data.duplicates import SAME_FROM, _candidates, _projections, describe, find_duplicates
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.signals.resample import resample

HIGH_HZ = 500.0
N_RECORDS = 20_000
BEYOND = ("0.5-40 Hz filter without phase", "0.5-40 Hz filter with its phase", "5 ms later", "10 ms later")
"""Copies that are measured, but not promised to be found, every one."""

Signal = NDArray[np.floating[Any]]


def _later(signal_mv: Signal, shift_s: float) -> Signal:
    """Shift by a phase, so that shorter shifts than a sample are possible."""
    frequency_hz = np.fft.rfftfreq(signal_mv.shape[-1], 1 / HIGH_HZ)
    return np.fft.irfft(np.fft.rfft(signal_mv) * np.exp(-2j * np.pi * frequency_hz * shift_s))


def copies() -> dict[str, Callable[[Signal], tuple[Signal, float]]]:
    """Return what another collection may have done to a recording at 500 Hz: -> (signal, rate)."""
    band = butter(2, [0.5, 40], "bandpass", fs=HIGH_HZ, output="sos")
    gains = np.linspace(0.5, 1.5, 12)[:, None]
    rng = np.random.default_rng(SEED)
    return {
        "as it is": lambda signal_mv: (signal_mv, HIGH_HZ),
        "100 Hz": lambda signal_mv: (resample(signal_mv, HIGH_HZ, 100), 100.0),
        "257 Hz": lambda signal_mv: (resample(signal_mv, HIGH_HZ, 257), 257.0),
        "a gain per lead": lambda signal_mv: (gains * signal_mv, HIGH_HZ),
        "steps of 0.05 mV": lambda signal_mv: (np.round(signal_mv / 0.05) * 0.05, HIGH_HZ),
        "noise of 0.05 mV": lambda signal_mv: (signal_mv + 0.05 * rng.standard_normal(signal_mv.shape), HIGH_HZ),
        "0.5-40 Hz filter without phase": lambda signal_mv: (sosfiltfilt(band, signal_mv), HIGH_HZ),
        "0.5-40 Hz filter with its phase": lambda signal_mv: (sosfilt(band, signal_mv), HIGH_HZ),
        "1 ms later": lambda signal_mv: (_later(signal_mv, 0.001), HIGH_HZ),
        "2 ms later": lambda signal_mv: (_later(signal_mv, 0.002), HIGH_HZ),
        "5 ms later": lambda signal_mv: (_later(signal_mv, 0.005), HIGH_HZ),
        "10 ms later": lambda signal_mv: (_later(signal_mv, 0.010), HIGH_HZ),
    }


def found_copies(low: RecordStore, high: RecordStore) -> dict[str, dict[str, float]]:
    """Compare every copy with its record at 100 Hz: lowest and median correlation, share found."""
    rows = low.records.set_index("record_id").index.get_indexer(high.records["record_id"])
    originals = describe(low.read_mv(rows), low.facts.sampling_rate_hz)
    signals_mv = high.read_mv(np.arange(len(high)))
    measured = {}
    for name, copy in copies().items():
        correlation = np.einsum("ij,ij->i", describe(*copy(signals_mv)), originals)
        measured[name] = {
            "lowest": float(correlation.min()),
            "median": float(np.median(correlation)),
            "found": float((correlation >= SAME_FROM).mean()),
        }
    return measured


def others(store: RecordStore) -> dict[str, Any]:
    """Measure all pairs that are not found: how many, their highest correlation, and the highest of one patient."""
    described = describe(store.read_mv(np.arange(len(store))), store.facts.sampling_rate_hz)
    correlation = described @ described.T
    duplicates = find_duplicates(store)
    correlation[duplicates.first, duplicates.second] = -1
    above = np.triu(np.ones(correlation.shape, np.bool_), 1)
    patients = store.records["patient_id"].to_numpy()
    of_one = above & (patients[:, None] == patients[None])
    ids = store.records["record_id"].to_numpy()
    return {
        "n_pairs": int(above.sum()),
        "highest": float(correlation[above].max()),
        "n_pairs_of_one_patient": int(of_one.sum()),
        "highest_of_one_patient": float(correlation[of_one].max(initial=-1)),
        "found": np.column_stack([ids[duplicates.first], ids[duplicates.second]]).tolist(),
    }


def seconds(store: RecordStore, n_records: int) -> float:
    """Return processor seconds for so many records: describing in proportion, comparing as many random directions."""
    projections, describing = timed(lambda: _projections(store))
    random = np.random.default_rng(SEED).standard_normal((n_records, projections.shape[1]), dtype=np.float32)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    _, comparing = timed(lambda: sum(map(len, _candidates(random))))
    return describing.over(len(store)).processor_s * n_records + comparing.processor_s


def run(sample: Sample, *, n_records: int = N_RECORDS) -> Outcome:
    """Measure copies, other pairs and seconds."""
    with tempfile.TemporaryDirectory(dir=sample.store.path.parent) as folder:
        high = build_store(PTBXL(sample.data, 500), Path(folder) / "high").store
        measured_copies = found_copies(sample.store, high)
        store = CombinedStore.of([sample.store, *_beside(sample.data.parent, Path(folder))])
        measured_others, needed_s = others(store), seconds(sample.store, n_records)
    worst = min(one["lowest"] for name, one in measured_copies.items() if name not in BEYOND)
    return {
        "data": f"{sample.name}, of them {len(high)} at 500 Hz; {len(store) - len(sample.store)} records beside it",
        "config": {"same_from": SAME_FROM, "n_records": n_records, "beyond": BEYOND},
        "measured": {"copies": measured_copies, "others": measured_others, "processor_s": needed_s},
        "bars": [
            at_least("lowest correlation of a copy that must be found", worst, SAME_FROM),
            at_most("highest correlation of recordings that are not the same", measured_others["highest"], SAME_FROM),
            at_most(f"processor seconds for {n_records:,} records", needed_s, 60),
        ],
    }


def _beside(shelf: Path, folder: Path) -> Iterator[RecordStore]:
    for kind, name in ((LUDB, "ludb"), (CinC2021, "cinc2021-sample")):
        if (shelf / name).is_dir():
            yield build_store(kind(shelf / name, 100.0), folder / name).store


if __name__ == "__main__":
    main("duplicates", __doc__, run)
