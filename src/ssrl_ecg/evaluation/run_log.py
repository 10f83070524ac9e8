"""The diary of a results folder: who ran when, and how long each cell took; ``benchmark status`` reads it.

``progress.jsonl`` has one line per event and is only ever added to, so that a killed run spoils its last line at most.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.errors import InputError
from ssrl_ecg.files import is_discarding

LOG = "progress.jsonl"


@dataclass(frozen=True)
class Run:
    """One run as the diary tells it.

    Attributes:
        host: name of the machine.
        pid: its process.
        workers: how many cells are computed at once.
        where: "this process", "processes" or which Ray cluster.
        started: when, in ISO 8601.
        ended: "finished", "interrupted" or "stopped" by an error; empty as long as it goes on, or if it was killed.
    """

    host: str
    pid: int
    workers: int
    where: str
    started: str
    ended: str = ""

    @property
    def is_alive(self) -> bool | None:
        """Whether it is still going on; None if nobody can tell, because it was on another machine."""
        if self.ended:
            return False
        if self.host != platform.node():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


@dataclass(frozen=True)
class Diary:
    """What ``progress.jsonl`` says.

    Attributes:
        last_run: None before the first.
        seconds: group -> name -> how long the cell took, in s; failed ones are left out.
    """

    last_run: Run | None
    seconds: dict[str, dict[str, float]]


class RunLog:
    """Writes the diary of one run.

    Args:
        folder: the results folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG

    @contextmanager
    def run(self, workers: int, where: str) -> Iterator[None]:
        """Note who runs, and at the end how it ended."""
        self._add("run", host=platform.node(), pid=os.getpid(), workers=workers, where=where)
        ended = "stopped"
        try:
            yield
            ended = "finished"
        except KeyboardInterrupt:
            ended = "interrupted"
            raise
        finally:
            self._add("end", how=ended)

    def cell(self, group: str, name: str, seconds: float, outcome: str) -> None:
        """Note a cell."""
        self._add("cell", group=group, name=name, seconds=round(seconds, 3), outcome=outcome)

    def _add(self, event: str, **facts: Any) -> None:
        if is_discarding():
            return
        line = json.dumps({"event": event, "at": datetime.now(UTC).isoformat(timespec="seconds"), **facts})
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * (event == "run") + line + "\n")  # a killed run may have left half a line


def read_log(folder: Path) -> Diary:
    """Read the diary; lines cut short are passed over."""
    path = folder / LOG
    run: Run | None = None
    seconds: dict[str, dict[str, float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if entry["event"] == "run":
            run = Run(*(entry[name] for name in ("host", "pid", "workers", "where", "at")))
        elif entry["event"] == "cell" and entry["outcome"] == "done":
            seconds.setdefault(entry["group"], {})[entry["name"]] = entry["seconds"]
        elif entry["event"] == "end" and run is not None:
            run = Run(run.host, run.pid, run.workers, run.where, run.started, entry["how"])
    return Diary(run, seconds)


def refuse_second_run(folder: Path) -> None:
    """Refuse to start where another process of this machine is at work.

    Raises:
        InputError: it is.
    """
    run = read_log(folder).last_run
    if run is not None and run.pid != os.getpid() and run.is_alive and not is_discarding():
        what = "another run is at work in this results folder"
        raise InputError(what, file=folder, expected="its end, or another folder", found=f"process {run.pid}")


def time_left_s(seconds: Mapping[str, Mapping[str, float]], n_open: Mapping[str, int], workers: int) -> float | None:
    """Estimate how long the open cells take: each as long as the median of its group, or of all if it has none yet.

    Args:
        seconds: group -> name -> how long a finished cell took.
        n_open: group -> open cells.
        workers: how many are computed at once.

    Returns:
        Time in s, 0 with no open cell; None while no cell has finished.
    """
    if not any(n_open.values()):
        return 0.0
    every = [one for names in seconds.values() for one in names.values()]
    if not every:
        return None
    medians = {group: float(np.median(list(names.values()))) for group, names in seconds.items() if names}
    total = sum(count * medians.get(group, float(np.median(every))) for group, count in n_open.items())
    return total / max(1, min(workers, sum(n_open.values())))
