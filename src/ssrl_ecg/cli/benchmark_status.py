"""``ssrl-ecg benchmark status``: how far a run is, and who is at work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.evaluation.cells import run_folders
from ssrl_ecg.evaluation.run_status import read_status, status_lines


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Count the cells of a results folder: done, failed and open, the time left, who runs, and why cells failed."""

    folder: tyro.conf.Positional[Path]
    """Results folder of any benchmark, finished or not; tracks and splits that lie in it are shown one by one."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(StatusOptions, argv, "ssrl-ecg benchmark status")
    for folder in run_folders(options.folder):
        if folder != options.folder:
            print(f"{folder.relative_to(options.folder).as_posix()}:")
        print(*status_lines(read_status(folder)), sep="\n")
    return DONE
