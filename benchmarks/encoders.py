"""Records per second of every encoder at its default width: ten seconds of twelve leads at 100 Hz, fp32.

Two processes of one thread each work at the same time, one per core. What counts is processor time, so that a busy
neighbour costs no more than the caches it takes; the elapsed rates stand beside it and are the same on an idle machine.

    python benchmarks/encoders.py --data PTBXL

``--data`` is not read: the encoders see noise, and their cost does not depend on what they see.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from joblib import Parallel, delayed
from measure import SEED, Cost, Outcome, Sample, main, one_thread, timed

from ssrl_ecg.models import ENCODERS, Encoder
from ssrl_ecg.training.run import tune_allocator

BATCH_SIZE, N_SAMPLES, REPEATS, N_PROCESSES = 16, 1000, 3, 2


def inference(encoder: Encoder, signal: torch.Tensor) -> None:
    """Compute feature vectors and no gradients."""
    with torch.inference_mode():
        encoder(signal)


def training(encoder: Encoder, signal: torch.Tensor) -> None:
    """Compute feature vectors and the gradient of their sum."""
    encoder.zero_grad(set_to_none=True)
    encoder(signal).sum().backward()


PASSES: dict[str, Callable[[Encoder, torch.Tensor], None]] = {"inference": inference, "training": training}


def costs(name: str, batch_size: int, repeats: int) -> dict[str, list[Cost]]:
    """Time both kinds of pass of one encoder in this process, after one of each that does not count."""
    tune_allocator()
    torch.manual_seed(SEED)
    encoder = ENCODERS[name](ENCODERS[name].Config())
    signal = torch.randn(batch_size, encoder.config.n_leads, N_SAMPLES)
    measured: dict[str, list[Cost]] = {}
    with one_thread():
        for kind, work in PASSES.items():
            encoder.train(kind == "training")
            work(encoder, signal)
            measured[kind] = [timed(partial(work, encoder, signal))[1] for _ in range(repeats)]
    return measured


def records_per_s(processes: Iterable[list[Cost]], batch_size: int) -> dict[str, float]:
    """Add the rates of the processes, each at its median pass."""
    processes = list(processes)
    return {
        "processor": sum(batch_size / statistics.median(cost.processor_s for cost in passes) for passes in processes),
        "elapsed": sum(batch_size / statistics.median(cost.wall_s for cost in passes) for passes in processes),
    }


def run(
    _: Sample,
    *,
    names: Iterable[str] = tuple(ENCODERS),
    batch_size: int = BATCH_SIZE,
    repeats: int = REPEATS,
    n_processes: int = N_PROCESSES,
) -> Outcome:
    """Measure every encoder, one after the other."""
    measured: dict[str, Any] = {}
    with Parallel(n_jobs=n_processes) as workers:
        for name in names:
            each = workers(delayed(costs)(name, batch_size, repeats) for _ in range(n_processes))
            measured[name] = {kind: records_per_s((one[kind] for one in each), batch_size) for kind in PASSES}
    return {
        "data": "noise, no recordings",
        "config": {
            "batch_size": batch_size,
            "n_samples": N_SAMPLES,
            "processes": n_processes,
            "repeats": repeats,
            "precision": "32",
            "encoders": {name: ENCODERS[name].Config() for name in names},
        },
        "measured": {"records_per_s": measured},
        "bars": [],
    }


if __name__ == "__main__":
    main("encoders", __doc__, run)
