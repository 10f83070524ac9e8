"""Workers on a Ray cluster: each an actor with one processor core, on whatever machine has one free.

The package must be installed on every machine, and store and results folder must be on a disk that all of them see.
Cells are filed by the machine that runs the command; pretrained encoders are written by the one that learns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Self

import cloudpickle

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob, Computed
from ssrl_ecg.evaluation.workers import JobLoader, Worker
from ssrl_ecg.extras import extra_package

LOCAL = "local"
"""Address that starts a cluster on this machine and ends it afterwards."""


class RayCluster:
    """A Ray cluster that is running, or one that is started here.

    Args:
        jobs: all jobs.
        address: "host:port" of its head, "ray://host:port", "auto" for the one this machine belongs to, or "local".
        n_workers: how many; None for one per core of the cluster, but no more than ``n_most``.
        n_most: how many would have something to do.

    Raises:
        InputError: Ray is not installed.
    """

    def __init__(self, jobs: Sequence[CellJob], address: str, n_workers: int | None, n_most: int) -> None:
        self._ray = extra_package("ray", "ray", "runs on a Ray cluster")
        self.deaths: tuple[type[BaseException], ...] = (self._ray.exceptions.RayActorError,)
        self.name = f"Ray cluster {address}"
        self._jobs, self._address, self._asked, self._most = jobs, address, n_workers, n_most
        self._was_connected = False
        self.n_workers = n_workers or 1

    def __enter__(self) -> Self:
        """Connect, and send the jobs.

        Raises:
            InputError: no cluster answers.
        """
        self._was_connected = self._ray.is_initialized()
        if not self._was_connected:
            self._connect()
        cores = int(sum(node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]))
        self.n_workers = max(1, min(self._asked or cores, self._most))
        self._pickled = self._ray.put(cloudpickle.dumps(list(self._jobs)))
        return self

    def _connect(self) -> None:
        starts = {"include_dashboard": False} if self._address == LOCAL else {}
        try:
            self._ray.init(address=self._address, log_to_driver=False, logging_level="ERROR", **starts)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError("no Ray cluster answers", field="ray", expected="an address", found=reason) from error

    def __exit__(self, *_: object) -> None:
        if not self._was_connected:
            self._ray.shutdown()

    def start(self) -> Worker:
        """Start an actor; it begins once the cluster has a core for it."""
        return _Actor(self._ray, self._pickled)


class _Actor:
    def __init__(self, ray: Any, pickled: Any) -> None:
        self._ray = ray
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(JobLoader).remote(pickled, 1)

    def submit(self, number: int) -> Future[Computed]:
        plain: Future[Computed] = Future()
        self._actor.compute.remote(number).future().add_done_callback(lambda found: self._pass_on(found, plain))
        return plain

    def _pass_on(self, found: Future[Computed], plain: Future[Computed]) -> None:
        error = found.exception()
        if error is None:
            plain.set_result(found.result())
        else:  # Ray wraps what a job raised; the desk wants to see it as it was
            plain.set_exception(error.cause if isinstance(error, self._ray.exceptions.RayTaskError) else error)

    def stop(self) -> None:
        self._ray.kill(self._actor)
