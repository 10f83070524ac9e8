"""One runner of cells for every protocol: parallel, resumable, and not stopped by a cell that fails.

A protocol lists its cells as jobs and calls ``run_cells``; tables are made afterwards from the files alone. A cell that
is there with the same identity is never computed again. Ctrl-C, a crash or ``kill -9`` lose what the workers were busy
with, one cell each, and nothing else.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

import loky
import torch
from tqdm import tqdm

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob, Computed, Key, by_key
from ssrl_ecg.evaluation.cells import (
    CellState,
    Failure,
    cell_path,
    cell_state,
    read_failure,
    write_cell,
    write_failure,
    write_identities,
)
from ssrl_ecg.evaluation.ray_workers import RayCluster
from ssrl_ecg.evaluation.run_log import RunLog, read_log, refuse_second_run, time_left_s
from ssrl_ecg.evaluation.workers import Here, Pool, Processes, Worker

_ATTEMPTS = 3
"""How often a job is given to a worker before the deaths of its workers count as its own failure."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How cells are computed; none of it changes a result."""

    workers: int | None = 1
    """Cells computed at once. None, as in commands without this flag: as many as there are processor cores, or one on
    a machine with a GPU."""
    ray: str | None = None
    """Address of a Ray cluster that computes them instead of this machine; "local" starts one here."""
    retry_failed: bool = False
    """Whether cells that failed in an earlier run are tried again."""
    replace: bool = False
    """Whether cells made by other settings, data or code are computed again; otherwise the run is refused."""
    progress: bool = True
    """Whether a progress bar is shown."""

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError("no such number of workers", field="workers", expected="1 or more", found=self.workers)


@dataclass(frozen=True)
class Outcomes:
    """What became of the cells.

    Attributes:
        n_kept: cells that were there already.
        n_computed: cells computed now.
        failures: cells without a result, now or since an earlier run.
    """

    n_kept: int
    n_computed: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class CheckedCells:
    """Cells that a results folder can take; nothing has been written yet, and nothing is if they are refused.

    Attributes:
        jobs: all cells of the folder.
        folder: results folder.
        execution: how they are computed; None for one after the other, here.
        begin: called before the first cell; writes what the cells refer to.

    Raises:
        InputError: what ``check_cells`` refuses.
    """

    jobs: Sequence[CellJob]
    folder: Path
    execution: Execution | None
    begin: Callable[[], None]

    def __post_init__(self) -> None:
        check_cells(self.jobs, self.folder, self.execution)

    def run(self) -> Outcomes:
        """Write what the cells refer to, and compute those that are missing."""
        self.begin()
        return run_cells(self.jobs, self.folder, self.execution)


def run_cells(jobs: Sequence[CellJob], folder: Path, execution: Execution | None = None) -> Outcomes:
    """Compute every missing cell of a results folder.

    ``identities.json`` (group -> name -> identity) is written first, so that whoever reads the folder can tell these
    cells from those an earlier run left there; so one folder takes one call, with all its cells.

    Args:
        folder: results folder, made if missing; cells go to ``cells/<group>/<name>.npz``.
        jobs: all cells, in the order in which they are best computed.
        execution: how; without it one after the other, here.

    Returns:
        What became of them. A cell fails alone: that is noted beside it (``cells.failures_of``), and the others go on.

    Raises:
        InputError: two cells are one, the folder holds cells of other settings, data or code, or another run is at work
            in it, or it cannot be written to.
        OSError: the machine refused while a cell was computed or written.
    """
    execution = execution or Execution()
    listed, states = check_cells(jobs, folder, execution)
    for key in (key for key, state in states.items() if state == "damaged"):
        warnings.warn(f"{cell_path(folder, *key)} is damaged and is computed again", stacklevel=2)
    wanted = _wanted(listed, states, retry_failed=execution.retry_failed)
    kept = {key for key, state in states.items() if state in ("done", "failed")}
    _write_frame(folder, [job for key, job in listed.items() if key in kept | wanted.keys()])
    n_kept = sum(state == "done" for state in states.values())
    desk = _Desk(folder, listed, wanted, n_kept, execution)
    desk.work()
    failures = [read_failure(folder, *key, job.identity) for key, job in listed.items()]
    return Outcomes(n_kept, desk.n_computed, tuple(one for one in failures if one is not None))


def check_cells(
    jobs: Sequence[CellJob], folder: Path, execution: Execution | None = None
) -> tuple[dict[Key, CellJob], dict[Key, CellState]]:
    """Refuse, before anything is written, what ``run_cells`` would refuse.

    Args:
        jobs: all cells of the folder.
        folder: results folder.
        execution: how they are to be computed.

    Returns:
        The jobs and what is there of them, by group and name.

    Raises:
        InputError: two cells are one, the folder holds cells of other settings, data or code, or another run is at work
            in it.
    """
    listed = by_key(jobs)
    refuse_second_run(folder)
    states = {key: cell_state(folder, *key, job.identity) for key, job in listed.items()}
    if execution is None or not execution.replace:
        _refuse_others(folder, states)
    return listed, states


def _refuse_others(folder: Path, states: Mapping[Key, CellState]) -> None:
    others = [key for key, state in states.items() if state == "other"]
    if others:
        raise InputError(
            "the results folder holds cells made by other settings, data or code",
            file=folder,
            expected="another folder, or --replace to compute them again",
            found=f"{len(others)} of {len(states)} cells, such as {' '.join(others[0])}",
        )


def _wanted(
    listed: Mapping[Key, CellJob], states: Mapping[Key, CellState], *, retry_failed: bool
) -> dict[Key, CellJob]:
    """Jobs to compute: those missing, without those that only serve others which are all there."""
    kept = ("done",) if retry_failed else ("done", "failed")
    missing = {key: job for key, job in listed.items() if states[key] not in kept}
    servants = {need for job in listed.values() for need in job.needs}
    needed = {need for key, job in missing.items() if key not in servants for need in job.needs}
    return {key: job for key, job in missing.items() if key not in servants or key in needed}


def _write_frame(folder: Path, jobs: Sequence[CellJob]) -> None:
    identities: dict[str, dict[str, str]] = {}
    for job in jobs:
        identities.setdefault(job.group, {})[job.name] = job.identity
    try:
        write_identities(folder, identities)
    except OSError as error:
        raise InputError("results cannot be written here", file=folder, found=error.strerror) from error


class _Queue:
    """Jobs that wait, each until what it needs is there."""

    def __init__(self, jobs: Mapping[Key, CellJob]) -> None:
        self._waiting = dict(jobs)
        self._unfinished = set(jobs)

    def take(self, last: str, busy: set[str]) -> CellJob | None:
        """Give a worker its next job: of the group it knows, else of one nobody is busy with, else of the largest."""
        ready = [job for job in self._waiting.values() if not self._unfinished.intersection(job.needs)]
        if not ready:
            return None
        groups = Counter(job.group for job in ready)
        unattended = (group for group in groups if group not in busy)
        group = last if last in groups else next(unattended, groups.most_common(1)[0][0])
        job = next(job for job in ready if job.group == group)
        return self._waiting.pop(job.key)

    def give_back(self, job: CellJob) -> None:
        """Let a job wait again: its worker died."""
        self._waiting[job.key] = job

    def finish(self, job: CellJob) -> None:
        """Let those go on that need this job."""
        self._unfinished.discard(job.key)

    def withdraw_those_that_need(self, key: Key) -> list[CellJob]:
        """Take out the jobs that will never have what they need."""
        lost = [job for job in self._waiting.values() if key in job.needs]
        for job in lost:
            del self._waiting[job.key]
        return lost

    def count(self) -> Counter[str]:
        """Group -> jobs that wait."""
        return Counter(job.group for job in self._waiting.values())


class _Desk:
    """Hands jobs out, takes results in and files them; the only one that writes into the folder."""

    def __init__(
        self, folder: Path, listed: Mapping[Key, CellJob], wanted: Mapping[Key, CellJob], n_kept: int, how: Execution
    ) -> None:
        self._folder, self._how, self._jobs = folder, how, list(wanted.values())
        self._numbers = {job.key: number for number, job in enumerate(self._jobs)}
        self._queue, self._log, self._deaths = _Queue(wanted), RunLog(folder), Counter[Key]()
        self._seconds = read_log(folder).seconds
        self._bar = tqdm(
            desc="cells", total=n_kept + len(wanted), initial=n_kept, disable=not (how.progress and wanted),
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )  # fmt: skip
        self._failed_before = {
            key: note for key, job in listed.items()
            if key not in wanted and (note := read_failure(folder, *key, job.identity)) is not None
        }  # fmt: skip
        self._warned: set[str] = set()
        self.n_computed, self._n_failed, self._n_workers = 0, 0, 1

    def work(self) -> None:
        """Compute all jobs."""
        for key, failure in self._failed_before.items():
            self._fail_those_that_need(key, failure.reason)
        n_waiting = sum(self._queue.count().values())
        if not n_waiting:
            return
        with _pool(self._jobs, n_waiting, self._how) as pool, self._log.run(pool.n_workers, pool.name), self._bar:
            self._n_workers = pool.n_workers
            self._serve(pool)

    def _serve(self, pool: Pool) -> None:
        idle: list[tuple[Worker | None, str]] = [(None, "")] * pool.n_workers
        running: dict[Future[Computed], tuple[Worker, CellJob]] = {}
        while True:
            idle = self._hand_out(pool, idle, running)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                worker, job = running.pop(future)
                died = isinstance(future.exception(), pool.deaths)
                if died:
                    worker.stop()
                    self._bury(job)
                else:
                    self._take_in(job, future.result())
                idle.append((None if died else worker, job.group))

    def _hand_out(
        self,
        pool: Pool,
        idle: Sequence[tuple[Worker | None, str]],
        running: dict[Future[Computed], tuple[Worker, CellJob]],
    ) -> list[tuple[Worker | None, str]]:
        """Give every idle worker a job, as far as there are any; start those that have not been."""
        left = []
        for worker, last in idle:
            job = self._queue.take(last, {job.group for _, job in running.values()})
            if job is None:
                left.append((worker, last))
                continue
            started = worker or pool.start()
            running[started.submit(self._numbers[job.key])] = started, job
        return left

    def _take_in(self, job: CellJob, done: Computed) -> None:
        for text in done.warnings:
            if text not in self._warned:
                self._warned.add(text)
                warnings.warn(text, stacklevel=2)
        if done.arrays is None:
            self._fail(job, done.reason, done.details, done.seconds)
            return
        write_cell(cell_path(self._folder, *job.key), done.arrays, job.identity)
        self.n_computed += 1
        self._queue.finish(job)
        self._note(job, done.seconds, "done")

    def _bury(self, job: CellJob) -> None:
        """Give a job to another worker, unless it has cost several already."""
        self._deaths[job.key] += 1
        if self._deaths[job.key] < _ATTEMPTS:
            self._queue.give_back(job)
        else:
            self._fail(job, f"its process died {_ATTEMPTS} times (killed, or out of memory)", "", 0.0)

    def _fail(self, job: CellJob, reason: str, details: str, seconds: float) -> None:
        write_failure(self._folder, Failure(job.group, job.name, job.identity, reason, details))
        self._n_failed += 1
        self._queue.finish(job)
        self._note(job, seconds, "failed")
        self._fail_those_that_need(job.key, reason)

    def _fail_those_that_need(self, key: Key, reason: str) -> None:
        for job in self._queue.withdraw_those_that_need(key):
            self._fail(job, f"{' '.join(key)} failed: {reason}", "", 0.0)

    def _note(self, job: CellJob, seconds: float, outcome: str) -> None:
        self._log.cell(job.group, job.name, seconds, outcome)
        if outcome == "done":
            self._seconds.setdefault(job.group, {})[job.name] = seconds
        left_s = time_left_s(self._seconds, self._queue.count(), self._n_workers)
        left = "" if left_s is None else f"about {tqdm.format_interval(left_s)} left"
        failed = f", {self._n_failed} failed" if self._n_failed else ""
        self._bar.set_postfix_str(left + failed, refresh=False)
        self._bar.update()


def _pool(jobs: Sequence[CellJob], n_waiting: int, how: Execution) -> Pool:
    """Where to compute."""
    if how.ray is not None:
        return RayCluster(jobs, how.ray, how.workers, n_waiting)
    wanted = how.workers if how.workers is not None else 1 if torch.cuda.is_available() else loky.cpu_count()
    n_workers = min(wanted, n_waiting)
    return Here(jobs) if n_workers == 1 else Processes(jobs, n_workers)
