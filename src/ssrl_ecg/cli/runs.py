"""``ssrl-ecg runs``: what was run in a folder, and what came out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import tyro

from ssrl_ecg.cli.estimates import duration
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.evaluation.run_list import RunSummary, list_runs

_HEADER = ("started (UTC)", "took", "command", "status", "best number", "folder")


@dataclass(frozen=True, kw_only=True)
class RunsOptions:
    """List the runs in a folder and below it, the latest first, each with its headline number.

    The number of a comparison is its best row's macro AUROC with most labels; of a classifier its best validation
    AUROC, by which its weights were chosen; of a pretraining its last kNN AUROC, or its last loss.
    """

    folder: tyro.conf.Positional[Path] = Path()
    """Where to look; without it here."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(RunsOptions, argv, "ssrl-ecg runs")
    runs = list_runs(options.folder)
    if not runs:
        print(f"no run.json in {options.folder} or below it")
        return DONE
    lines = [_HEADER, *(_cells(run, options.folder) for run in runs)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    return DONE


def _cells(run: RunSummary, root: Path) -> tuple[str, ...]:
    took = "" if math.isnan(run.wall_time_s) else duration(run.wall_time_s)
    started = run.started[:16].replace("T", " ")
    return started, took, run.command, run.status, run.headline, run.folder.relative_to(root).as_posix()
