"""Peak anonymous memory of pretraining on a store, and on the same store twenty times as large.

Each pretraining runs in a process of its own, one epoch over all records. Anonymous memory (RssAnon of
``/proc/self/status``, Linux) is what a process holds beyond the files it maps: the part that the kernel cannot drop.

    python benchmarks/memory.py --data PTBXL
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from measure import SEED, Outcome, Sample, at_most, main

from ssrl_ecg.augmentations.recipes import full
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.files import write_json
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ECGEncoder1DCNN
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.run import tune_allocator

COPIES, POLL_S = 20, 0.01
ENCODER = CNNConfig(width=8)
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)
CONFIG = PretrainConfig(epochs=1, batch_size=128, seed=SEED)


def replicate(store: RecordStore, folder: Path, copies: int) -> RecordStore:
    """Write a store with every record ``copies`` times, each copy under ids of its own."""
    n_records, *shape = store.signals_uv.shape
    (folder / "labels").mkdir(parents=True)
    signals_uv = np.lib.format.open_memmap(folder / "signals.npy", "w+", np.dtype("<i2"), (copies * n_records, *shape))
    for copy in range(copies):
        signals_uv[copy * n_records : (copy + 1) * n_records] = store.signals_uv
    signals_uv.flush()
    renamed = []
    for copy in range(copies):
        ids = {name: store.records[name] + f"-{copy}" for name in ("record_id", "patient_id")}
        renamed.append(store.records.assign(**ids))
    pd.concat(renamed).to_csv(folder / "records.csv", index=False)
    for name in store.label_set_names:
        labels = store.labels(name)
        values, known = np.tile(labels.values, (copies, 1)), np.tile(labels.known, copies)
        np.savez(folder / "labels" / f"{name}.npz", values=values, known=known)
    facts = dataclasses.replace(store.facts, n_records=copies * n_records)
    write_json(folder / "facts.json", facts.to_dict())
    return RecordStore.open(folder)


def rss_anon_mb() -> float:
    """Return the anonymous resident memory of this process in megabytes (10^6 bytes)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("this kernel does not report RssAnon")


@contextmanager
def watched_peak() -> Iterator[list[float]]:
    """Look at the anonymous memory a hundred times a second; the list's one entry is the highest seen."""
    peak, done = [rss_anon_mb()], threading.Event()

    def watch() -> None:
        while not done.wait(POLL_S):
            peak[0] = max(peak[0], rss_anon_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def peak_of_pretraining(store: RecordStore) -> dict[str, Any]:
    """Pretrain for one epoch on every record of a store, in this process."""
    rows = np.arange(len(store))
    with watched_peak() as peak, tempfile.TemporaryDirectory() as folder:
        preprocessing = PREPROCESSING.fitted(store.read_mv(part) for part in np.array_split(rows, len(rows) // 256 + 1))
        pretrain(
            lambda: SimCLR(ECGEncoder1DCNN(ENCODER), SimCLRConfig()),
            store,
            rows,
            preprocessing=preprocessing,
            recipe=full(),
            config=CONFIG,
            compute=Compute(accelerator="cpu"),
            watch_labels=store.labels("super"),
            folder=Path(folder),
            progress=False,
        )
    return {"n_records": len(store), "store_mb": store.signals_uv.nbytes / 1e6, "peak_rss_anon_mb": peak[0]}


def in_own_process(store: RecordStore) -> dict[str, Any]:
    """Pretrain in a fresh interpreter, on one thread, and return what it reports."""
    command = [sys.executable, __file__, "--child", str(store.path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return measured


def run(sample: Sample, *, copies: int = COPIES) -> Outcome:
    """Compare the peaks of both stores."""
    once = in_own_process(sample.store)
    with tempfile.TemporaryDirectory(dir=sample.store.path.parent) as folder:
        replicated = in_own_process(replicate(sample.store, Path(folder) / "store", copies))
    growth_mb = replicated["peak_rss_anon_mb"] - once["peak_rss_anon_mb"]
    return {
        "config": {
            "copies": copies,
            "encoder": ENCODER,
            "method": SimCLRConfig(),
            "recipe": full().to_dict(),
            "preprocessing": PREPROCESSING,
            "pretrain": CONFIG,
            "allocator": "tuned",
        },
        "measured": {"once": once, "replicated": replicated, "growth_mb": growth_mb},
        "bars": [at_most("growth of the peak anonymous memory in MB", growth_mb, 200)],
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        torch.set_num_threads(1)
        tune_allocator()
        print(json.dumps(peak_of_pretraining(RecordStore.open(sys.argv[2]))))
    else:
        main("memory", __doc__, run)
