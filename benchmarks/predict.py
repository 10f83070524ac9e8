"""``ssrl-ecg predict``: one file in a fresh process, and a folder of 10,000 files with two processes.

The classifier is a ResNet-18 of the packaged size with random weights, calibrated: its cost does not depend on what it
learned. The folder links to the sample's 10-second recordings at 100 Hz again and again. What counts is processor
time, as everywhere here: records per second are those of two cores that do nothing else; elapsed times stand beside it.
Memory is that of all processes together, each shared page counted once (Pss, Linux).

    python benchmarks/predict.py --data PTBXL
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import SEED, Outcome, Sample, at_least, at_most, main

from ssrl_ecg.models import Classifier, Encoder, ResNet1D, ResNetConfig
from ssrl_ecg.models.heads import LinearHead, LinearHeadConfig
from ssrl_ecg.predict.fitting import fit_reliability
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, save_checkpoint

N_RECORDS, N_PROCESSES, REPEATS, POLL_S = 10_000, 2, 5, 0.2
N_CALIBRATION = 250
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)


def calibrated(sample: Sample, encoder: Encoder, path: Path) -> None:
    """Write a calibrated classifier with random weights."""
    torch.manual_seed(SEED)
    labels, rows = sample.store.labels("super"), np.arange(len(sample.store))
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=len(labels.classes))
    classifier = Classifier(encoder, head).eval()
    preprocessing = sample.fitted(PREPROCESSING, rows[:N_CALIBRATION])
    plain = ClassifierCheckpoint(classifier, preprocessing, labels.classes, labels.task, labels.name)
    training, validation = rows[:N_CALIBRATION], rows[-N_CALIBRATION:]
    reliability = fit_reliability(plain, sample.store, labels, training, validation)
    save_checkpoint(path, replace(plain, reliability=reliability.stored()))


def linked(sample: Sample, folder: Path, n_records: int) -> None:
    """Make a folder of so many recordings, each a link to one of the sample's."""
    paths = [sample.data / path for path in sample.store.records["path"]]
    for number in range(n_records):
        source = paths[number % len(paths)]
        copy = folder / str(number // len(paths))
        copy.mkdir(parents=True, exist_ok=True)
        for suffix in (".hea", ".dat"):
            (copy / f"{source.name}{suffix}").symlink_to(source.with_name(f"{source.name}{suffix}").resolve())


def spent(words: list[object]) -> dict[str, float]:
    """Run the command in a process of its own: elapsed and processor seconds, peak MB of it and its children."""
    program = "import sys; from ssrl_ecg.cli.main import main; sys.exit(main(sys.argv[1:]))"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, words)], env=environment)
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(POLL_S):
            peak[0] = max(peak[0], sum(map(pss_mb, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    if code:
        raise RuntimeError(f"predict ended with exit code {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "elapsed_s": time.perf_counter() - began,
        "processor_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": peak[0],
    }


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def pss_mb(pid: int) -> float:
    """Memory of a process, pages that it shares with others in parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def run(
    sample: Sample,
    *,
    n_records: int = N_RECORDS,
    repeats: int = REPEATS,
    encoder: ResNetConfig = ResNetConfig(),  # noqa: B008 (frozen)
    n_processes: int = N_PROCESSES,
) -> Outcome:
    """Measure one file and many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint, out = folder / "classifier.safetensors", folder / "answers.csv"
        calibrated(sample, ResNet1D(encoder), checkpoint)
        linked(sample, folder / "many", n_records)
        one = next((folder / "many").rglob("*.hea"))
        single = [spent(["predict", one, "--checkpoint", checkpoint, "--out", out]) for _ in range(repeats)]
        words = ["predict", folder / "many", "--checkpoint", checkpoint, "--out", out, "--n-jobs", n_processes]
        many = spent(words)
        n_answers = len(out.read_text(encoding="utf-8").splitlines()) - 1
    if n_answers != n_records:
        raise RuntimeError(f"{n_answers} answers for {n_records} records")
    fresh_s = {key: statistics.median(each[key] for each in single) for key in ("processor_s", "elapsed_s")}
    rates: dict[str, Any] = {
        "processor": n_processes * n_records / many["processor_s"],
        "elapsed": n_records / many["elapsed_s"],
    }
    return {
        "config": {
            "n_records": n_records,
            "n_processes": n_processes,
            "repeats": repeats,
            "encoder": encoder.to_dict(),
        },
        "measured": {"one_file": fresh_s, "records_per_s": rates, "peak_mb": many["peak_mb"], "folder": many},
        "bars": [
            at_most("seconds for one file in a fresh process", fresh_s["processor_s"], 4),
            at_least("records per second on two cores", rates["processor"], 300),
            at_most("MB at the peak, all processes together", many["peak_mb"], 1000),
        ],
    }


if __name__ == "__main__":
    main("predict", __doc__, run)
