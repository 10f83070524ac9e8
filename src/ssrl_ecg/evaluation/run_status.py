"""How far a results folder is: what is done, failed and open, how long the rest takes, and who is at work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ssrl_ecg.evaluation.cells import CellState, Failure, cell_state, failures_of, read_identities
from ssrl_ecg.evaluation.run_log import Run, read_log, time_left_s

_STATES: tuple[CellState, ...] = ("done", "failed", "open")


@dataclass(frozen=True)
class RunStatus:
    """State of a results folder.

    Attributes:
        cells: group -> state ("done", "failed" or "open") -> how many; damaged cells and those of an earlier run that
            are to be replaced are open.
        failures: cells that failed, with their reasons.
        last_run: who ran last; None for a folder without a diary.
        left_s: estimated time for the open cells in s; None while nothing is known.
    """

    cells: dict[str, Counter[CellState]]
    failures: tuple[Failure, ...]
    last_run: Run | None
    left_s: float | None

    @property
    def total(self) -> Counter[CellState]:
        """Cells of all groups by state."""
        return sum(self.cells.values(), Counter())


def read_status(folder: Path) -> RunStatus:
    """Look at every cell of the folder's last run.

    Raises:
        InputError: the folder holds no run.
    """
    cells = {
        group: Counter(_state(folder, group, name, identity) for name, identity in names.items())
        for group, names in read_identities(folder).items()
    }
    diary = read_log(folder)
    n_open = {group: count["open"] for group, count in cells.items()}
    left_s = time_left_s(diary.seconds, n_open, diary.last_run.workers if diary.last_run else 1)
    return RunStatus(cells, tuple(failures_of(folder)), diary.last_run, left_s)


def _state(folder: Path, group: str, name: str, identity: str) -> CellState:
    state = cell_state(folder, group, name, identity)
    return state if state in _STATES else "open"


def status_lines(status: RunStatus) -> list[str]:
    """Say it in lines: a table of groups, who runs, and why cells failed."""
    width = max([len(group) for group in status.cells] + [len("all cells")])
    rows = [*status.cells.items(), ("all cells", status.total)]
    table = [f"{group:<{width}}" + "".join(f"{count[state]:>8}" for state in _STATES) for group, count in rows]
    header = f"{'':<{width}}" + "".join(f"{state:>8}" for state in _STATES)
    failures = [f"failed: {one.group}, {one.name}: {one.reason}" for one in status.failures]
    return [header, *table, _who(status), *failures]


def _who(status: RunStatus) -> str:
    run, n_open = status.last_run, status.total["open"]
    if run is None:
        return "no diary of a run"
    about = f"process {run.pid} on {run.host}, {run.workers} at once ({run.where}), since {run.started}"
    if run.ended:
        said = f"nobody runs; the last run {run.ended}: {about}"
    elif run.is_alive is None:
        said = f"perhaps running on another machine: {about}"
    else:
        said = f"running: {about}" if run.is_alive else f"nobody runs; the last run was killed: {about}"
    if not n_open:
        return said
    return f"{said}; open cells take {'an unknown time' if status.left_s is None else _duration(status.left_s)}"


def _duration(seconds: float) -> str:
    return f"about {timedelta(seconds=round(seconds))}"
