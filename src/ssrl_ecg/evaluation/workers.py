"""Where jobs are computed: here, or in processes of this machine.

All jobs travel to each worker once, pickled together, so that what they share (a store, features made on demand) is
shared within the worker too; after that a number says which job is next. Each worker is a process of its own: one that
dies takes nobody along, and it is known which cell it was busy with.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future
from types import TracebackType
from typing import Any, Protocol, Self

import cloudpickle
import torch
from loky import process_executor
from loky.process_executor import ProcessPoolExecutor

from ssrl_ecg.evaluation.cell_jobs import CellJob, Computed, compute

_LOOK_EVERY_S = 1.0


class Worker(Protocol):
    """Computes one job at a time."""

    def submit(self, number: int) -> Future[Computed]:
        """Compute the job of this number; the future fails with one of the pool's ``deaths`` if the worker died."""

    def stop(self) -> None:
        """End the worker, whatever it is doing."""


class Pool(Protocol):
    """Starts workers; leaving the block ends what it started.

    Attributes:
        name: what the diary calls the place.
        n_workers: how many can be busy at once; known within the block.
        deaths: exceptions which say that a worker died, not that a job failed.
    """

    name: str
    n_workers: int
    deaths: tuple[type[BaseException], ...]

    def start(self) -> Worker:
        """Start a worker."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Here:
    """This process: one worker, which computes when asked to.

    Args:
        jobs: all jobs.
    """

    def __init__(self, jobs: Sequence[CellJob]) -> None:
        self.name, self.n_workers, self._jobs = "this process", 1, jobs
        self.deaths: tuple[type[BaseException], ...] = ()

    def start(self) -> Worker:
        """Return the one worker."""
        return self

    def submit(self, number: int) -> Future[Computed]:
        """Compute before returning; what ends the run is raised here."""
        future: Future[Computed] = Future()
        future.set_result(compute(self._jobs[number], torch.get_num_threads()))
        return future

    def stop(self) -> None:
        """There is nothing to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Processes:
    """Processes of this machine.

    Args:
        jobs: all jobs.
        n_workers: how many processes share the machine.
    """

    def __init__(self, jobs: Sequence[CellJob], n_workers: int) -> None:
        self.name, self.n_workers = "processes", n_workers
        self.deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)
        self._pickled, self._n_threads = cloudpickle.dumps(list(jobs)), max(1, torch.get_num_threads() // n_workers)
        self._started: list[_Process] = []

    def start(self) -> Worker:
        """Start a process, which loads the jobs with its first one."""
        process = _Process(self._pickled, self._n_threads)
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.stop()


class _Process:
    def __init__(self, pickled: bytes, n_threads: int) -> None:
        self._executor = ProcessPoolExecutor(
            1, timeout=None, initializer=_enter_process, initargs=(os.getpid(), pickled, n_threads),
            env={"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def submit(self, number: int) -> Future[Computed]:
        future: Future[Computed] = self._executor.submit(_compute_number, number)
        return future

    def stop(self) -> None:
        self._executor.shutdown(wait=True, kill_workers=True)


class JobLoader:
    """Jobs in a worker, unpickled with the first one that is asked for."""

    def __init__(self, pickled: bytes, n_threads: int) -> None:
        self._pickled, self._n_threads = pickled, n_threads
        self._jobs: list[CellJob] = []

    def compute(self, number: int) -> Computed:
        """Compute the job of this number."""
        if not self._jobs:
            self._jobs = cloudpickle.loads(self._pickled)
        return compute(self._jobs[number], self._n_threads)


_in_process: dict[str, Any] = {}


def _enter_process(parent: int, pickled: bytes, n_threads: int) -> None:
    """Prepare a new process: Ctrl-C is its parent's business, and it ends when its parent does.

    What jobs share stays in memory on purpose; loky would take it for a leak, warn, and start the worker anew.
    """
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _in_process["loader"] = JobLoader(pickled, n_threads)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)  # killed: nobody is left to take the result


def _compute_number(number: int) -> Computed:
    loader: JobLoader = _in_process["loader"]
    return loader.compute(number)
