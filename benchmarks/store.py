"""Reading and building the store against ``wfdb.rdrecord``, the reference reader, record by record.

Files and store lie in the page cache on both sides after the warm-up. Building is compared with a loop that only reads
the records: the store's side also lists the labels, checks, rounds and writes.

    python benchmarks/store.py --data PTBXL
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import wfdb
from measure import SEED, Outcome, Sample, Side, at_least, in_turn, main, median_us, ratio

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store

BATCH_SIZE, READ_REPEATS, BUILD_REPEATS = 128, 15, 3


def run(sample: Sample, *, read_repeats: int = READ_REPEATS, build_repeats: int = BUILD_REPEATS) -> Outcome:
    """Time reading in batches of 128 at random and building, and compare what both readers return."""
    paths = [str(sample.data / path) for path in sample.store.records["path"]]
    order = np.random.default_rng(SEED).permutation(len(paths))
    batches = np.array_split(order, max(1, len(order) // BATCH_SIZE))
    reading = in_turn(
        {
            "wfdb.rdrecord": Side(lambda: [wfdb.rdrecord(paths[row]) for row in batches[0]], len(batches[0])),
            "store": Side(lambda: [sample.store.read_mv(rows) for rows in batches], len(order)),
        },
        read_repeats,
    )
    with tempfile.TemporaryDirectory(dir=sample.store.path.parent) as folder:
        fresh = (Path(folder) / str(number) for number in range(build_repeats + 1))
        building = in_turn(
            {
                "wfdb.rdrecord loop": Side(lambda: [wfdb.rdrecord(path).p_signal.shape for path in paths], len(paths)),
                "build_store": Side(lambda: build_store(PTBXL(sample.data), next(fresh)), len(paths)),
            },
            build_repeats,
        )
    read_ratio = ratio(reading, "wfdb.rdrecord", "store")
    build_ratio = ratio(building, "wfdb.rdrecord loop", "build_store")
    return {
        "config": {"batch_size": BATCH_SIZE, "n_records": len(paths)},
        "measured": {
            "us_per_record": {name: median_us(costs) for name, costs in (reading | building).items()},
            "reading": read_ratio,
            "building": build_ratio,
            "largest_difference_mv": largest_difference_mv(sample, paths, batches[0]),
        },
        "bars": [
            at_least("times faster than wfdb.rdrecord, reading a batch", read_ratio["median"], 100),
            at_least("times faster than a wfdb.rdrecord loop, building", build_ratio["median"], 10),
        ],
    }


def largest_difference_mv(sample: Sample, paths: list[str], rows: np.ndarray) -> float:
    """Return how far the store's signals are from the reference reader's, in mV; the store rounds to 0.001 mV."""
    reference = np.stack([wfdb.rdrecord(paths[row]).p_signal.T for row in rows])
    return float(np.abs(reference - sample.store.read_mv(rows)).max())


if __name__ == "__main__":
    main("store", __doc__, run)
