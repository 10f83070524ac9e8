"""``ssrl-ecg benchmark mitbih``: twelve-lead encoders on the beats of two-lead recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.runner import Execution, check_cells, run_cells
from ssrl_ecg.evaluation.transfer.beat_network import BeatTraining
from ssrl_ecg.evaluation.transfer.jobs import TRACKS, make_jobs, transfer_rows
from ssrl_ecg.evaluation.transfer.report import make_tables, summary_lines, write_transfer_report
from ssrl_ecg.evaluation.transfer.task import open_task
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class MITBIHOptions:
    """Classify beats of MIT-BIH (DS1 to learn, DS2 to test) with frozen and fine-tuned encoders, and with floors.

    Writes report.html, results.json and a cell per row, input and seed; an interrupted run goes on where it stopped.
    """

    data: Path
    """Folder of the MIT-BIH Arrhythmia Database (100.hea, 100.dat, 100.atr, ...)."""
    encoders: tuple[str, ...]
    """Pretrained encoders as NAME=CHECKPOINT; the first one's architecture is trained from scratch too."""
    finetuned: tuple[str, ...] | None = None
    """Names of those that are fine-tuned too; without the flag the first, none after a flag without names."""
    minirocket: bool = True
    """Whether MiniRocket is a floor (needs ssrl-ecg[floors])."""
    seeds: tuple[int, ...] = (42,)
    """Seeds of trainings, forests and random encoders; scores are averaged over them."""
    training: BeatTraining = field(default_factory=BeatTraining)
    replicates: int = 2000
    """Bootstrap replicates of every interval."""
    execution: Execution = field(default_factory=every_core)
    style: Literal["screen", "publication"] = "screen"
    """How figures are drawn: for a screen, or ready for a journal."""
    out: Path = Path("runs/mitbih")
    """Folder of the results; if they are there in part, the run goes on."""

    def checkpoints(self) -> dict[str, EncoderCheckpoint]:
        """Read the encoders.

        Raises:
            InputError: none, a name given twice, or a file that is no encoder's.
        """
        pairs = [text.partition("=")[::2] for text in self.encoders]
        names = [name for name, _ in pairs]
        if not pairs or "" in [text for pair in pairs for text in pair] or len(set(names)) < len(names):
            found = " ".join(self.encoders) or "none"
            raise InputError("encoders are not named", field="encoders", expected="NAME=CHECKPOINT, once", found=found)
        return {name: load_encoder(path) for name, path in pairs}


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(MITBIHOptions, argv, "ssrl-ecg benchmark mitbih")
    return run_mitbih(options, ["ssrl-ecg", "benchmark", "mitbih", *argv])


def run_mitbih(options: MITBIHOptions, command: Sequence[str]) -> int:
    """Compute every missing cell, then make tables and report; 3 if records or cells are missing."""
    tune_allocator()
    checkpoints = options.checkpoints()
    finetuned = tuple(checkpoints)[:1] if options.finetuned is None else options.finetuned
    if unknown := [name for name in finetuned if name not in checkpoints]:
        raise InputError("no such encoder", field="finetuned", expected=", ".join(checkpoints), found=unknown[0])
    rows = transfer_rows(checkpoints, finetuned, minirocket=options.minirocket)
    check_replicates(2 * len(TRACKS) * (len(rows) - 1), options.replicates)
    task = open_task(options.data, rows[0].preprocessing)
    jobs = make_jobs(rows, task, options.training, options.seeds)
    facts = {"name": "MIT-BIH Arrhythmia Database", "fingerprint": task.fingerprint}
    check_cells(jobs, options.out, options.execution)
    with run_record(options.out, command=list(command), config=options, seed=options.seeds[0], data=facts) as run:
        outcomes = run_cells(jobs, options.out, options.execution)
        tables = make_tables(options.out, options.replicates)
        page = write_transfer_report(options.out, tables, task.rejected, run, options.style)
    for one in task.rejected:
        print(f"left out: {one.record_id}: {one.reason}")
    print(*summary_lines(tables), f"report: {page}", sep="\n")
    return say_failures(outcomes.failures) or (INCOMPLETE if task.rejected else DONE)
