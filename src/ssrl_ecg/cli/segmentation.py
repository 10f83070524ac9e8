"""``ssrl-ecg benchmark segmentation``: P, QRS and T on LUDB, few marks to all, networks beside delineators."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.runner import CheckedCells, Execution
from ssrl_ecg.evaluation.segmentation.arms import FRACTIONS
from ssrl_ecg.evaluation.segmentation.data import read_task
from ssrl_ecg.evaluation.segmentation.delineators import FLOORS
from ssrl_ecg.evaluation.segmentation.jobs import make_jobs
from ssrl_ecg.evaluation.segmentation.presets import SCRATCH, SINGLE, benchmark_arms
from ssrl_ecg.evaluation.segmentation.report import findings, make_tables, write_segmentation_report
from ssrl_ecg.evaluation.segmentation.tables import write_frame
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class SegmentationOptions:
    """Segment P, QRS and T in LUDB's leads by U-Nets, from scratch and pretrained, and by delineators.

    Patient-wise folds; label fractions are nested. Writes report.html, results.json and a cell per row, fraction and
    fold; an interrupted run goes on where it stopped.
    """

    data: Path
    """Folder of LUDB (ludb.csv and data)."""
    encoders: tuple[str, ...] = ()
    """Pretrained encoders of 12 leads as NAME=CHECKPOINT; each gives a fine-tuned and a frozen row."""
    fractions: tuple[float, ...] = FRACTIONS
    """Shares of a fold's training patients whose marks are used; frozen encoders stand at a tenth and the largest,
    single leads at the largest."""
    rows: tuple[str, ...] = ()
    """Names of the rows to compute; without the flag all. A wrong name lists them."""
    floors: tuple[Annotated[str, one_of(FLOORS)], ...] | None = None
    """Delineators beside the networks; without the flag all that are installed (neurokit2 needs ssrl-ecg[bench])."""
    folds: int = 5
    """Number of folds."""
    seed: int = 42
    """Seed of folds and label fractions."""
    replicates: int = 4000
    """Bootstrap replicates of every interval."""
    execution: Execution = field(default_factory=every_core)
    style: FigureStyle = "screen"
    """Look of the figures."""
    out: Path = Path("runs/segmentation")
    """Folder of the results; if they are there in part, the run goes on."""

    def checkpoints(self) -> dict[str, Path]:
        """Return where the encoders are.

        Raises:
            InputError: one without a name, or a name given twice.
        """
        pairs = [text.partition("=")[::2] for text in self.encoders]
        names = [name for name, _ in pairs]
        if any("" in pair for pair in pairs) or len(set(names)) < len(names):
            found = " ".join(self.encoders)
            raise InputError("encoders are not named", field="encoders", expected="NAME=CHECKPOINT, once", found=found)
        return {name: Path(path) for name, path in pairs}


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(SegmentationOptions, argv, "ssrl-ecg benchmark segmentation")
    return run_segmentation(options, ["ssrl-ecg", "benchmark", "segmentation", *argv])


def run_segmentation(options: SegmentationOptions, command: Sequence[str]) -> int:
    """Compute every missing cell, then make tables and report; 3 if leads, records or cells are missing."""
    tune_allocator()
    installed = importlib.util.find_spec("neurokit2") is not None
    floors = options.floors if options.floors is not None else tuple(n for n in FLOORS if installed or n != "neurokit2")
    if "neurokit2" in floors and not installed:
        raise InputError("NeuroKit2 is not installed: pip install 'ssrl-ecg[bench]'", field="floors")
    arms = benchmark_arms(options.checkpoints(), floors, options.fractions)
    names = [arm.name for arm in arms]
    if unknown := [name for name in options.rows if name not in names]:
        raise InputError("no such row", field="rows", expected=" | ".join(names), found=unknown[0])
    arms = [arm for arm in arms if not options.rows or arm.name in options.rows]
    task = read_task(LUDB(options.data), options.folds, options.seed)
    facts = {"name": LUDB.name, "fingerprint": task.fingerprint, "records": len(task.folds)}
    jobs = make_jobs(arms, task, options.out)
    checked = CheckedCells(jobs, options.out, options.execution, partial(write_frame, options.out, arms, task))
    with run_record(options.out, command=list(command), config=options, seed=options.seed, data=facts) as run:
        outcomes = checked.run()
        tables = make_tables(options.out, (SCRATCH, SINGLE), options.replicates)
        page = write_segmentation_report(options.out, tables, run, options.style)
    print(*task.problems, *findings(tables), f"report: {page}", sep="\n")
    return say_failures(outcomes.failures) or (INCOMPLETE if task.problems else DONE)
