"""What a runner is given: cells as jobs, and what becomes of one where it is computed."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.run import without_folders

Key = tuple[str, str]
"""Group and name of a cell."""


@dataclass(frozen=True)
class CellJob:
    """One cell to compute.

    Attributes:
        group: the row of the tables it belongs to. Cells of a group go to the same worker as far as possible, so that
            what they share is made once.
        name: which of the group's cells; also its file name.
        identity: hash of all its arrays depend on: settings, data, revision of the code (``cells.identity_of``).
        compute: makes the arrays, none of objects. It may raise: the cell then failed, for the reason raised. It must
            travel to another process, as functions, lambdas and ``partial`` do; what jobs share is shared there too.
        needs: cells that must be there first, such as a pretraining. One that only serves others is computed only while
            one of them is missing; where it failed, they failed.
        many_threads: whether the job may use more than one thread, for one whose last digit nobody compares, such as a
            pretraining; all others get the same bits whatever the number of workers.
    """

    group: str
    name: str
    identity: str
    compute: Callable[[], Mapping[str, Any]]
    needs: tuple[Key, ...] = ()
    many_threads: bool = False

    @property
    def key(self) -> Key:
        """Group and name."""
        return self.group, self.name


@dataclass(frozen=True)
class Computed:
    """What came of a job.

    Attributes:
        arrays: what it made; None if it failed.
        seconds: how long it took.
        reason: why it failed, in one line.
        details: the traceback of a failure, without folders.
        warnings: texts of warnings, each once.
    """

    arrays: Mapping[str, Any] | None
    seconds: float
    reason: str = ""
    details: str = ""
    warnings: tuple[str, ...] = ()


def compute(job: CellJob, n_threads: int) -> Computed:
    """Run a job here.

    What it raises is its own failure, except for an ``OSError``, which is the machine's: a full disk fails every cell.

    Args:
        job: what to compute.
        n_threads: threads of a job that may use many; others get one.
    """
    began = time.monotonic()
    arrays, reason, details = None, "", ""
    with warnings.catch_warnings(record=True) as raised, threads(n_threads if job.many_threads else 1):
        try:
            arrays = job.compute()
        except OSError:
            raise
        except Exception as error:
            reason = _one_line(error)
            details = without_folders(traceback.format_exc())
    texts = tuple(dict.fromkeys(str(one.message) for one in raised))
    return Computed(arrays, time.monotonic() - began, reason, details, texts)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}".rstrip(": ")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Give torch, BLAS and OpenMP this many threads within the block."""
    before = torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def require_finite(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays with NaN or infinity, for jobs whose arrays are scores.

    Raises:
        InputError: the training diverged.
    """
    for name, values in arrays.items():
        if n_bad := int(np.sum(~np.isfinite(values))):
            what = "scores are not finite: the method diverged"
            raise InputError(what, field=name, expected="numbers", found=f"{n_bad} of {values.size} NaN or infinite")


def by_key(jobs: Sequence[CellJob]) -> dict[Key, CellJob]:
    """Jobs by group and name.

    Raises:
        InputError: two of them are the same cell, or the same computation within one group.
    """
    found: dict[Key, CellJob] = {}
    computations: dict[Key, str] = {}
    for job in jobs:
        twin = job.name if job.key in found else computations.get((job.group, job.identity))
        if twin is not None:
            what = "two cells are one computation, which would count twice (two equal seeds?)"
            raise InputError(what, field=job.group, found=f"{twin} and {job.name}")
        found[job.key] = job
        computations[job.group, job.identity] = job.name
    return found
