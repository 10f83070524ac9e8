"""``ssrl-ecg run``: from a folder of ECGs to a report, in one command that can be interrupted and started again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.compared_data import compared_data
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.estimates import describe_forecast
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.cli.protocol_options import ProtocolOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.evaluation.assemble import make_report
from ssrl_ecg.evaluation.experiment import prepare_experiment
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.floors import floors_left_out
from ssrl_ecg.evaluation.forecast import Forecast
from ssrl_ecg.evaluation.report import write_report
from ssrl_ecg.evaluation.report_page import findings, headline
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Pretrain on every training-fold signal, then compare at a few label fractions with what must be beaten."""

    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    experiment: ExperimentOptions = field(default_factory=ExperimentOptions)
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that are used."""
    execution: Execution = field(default_factory=every_core)
    replicates: int = 2000
    """Bootstrap replicates of every interval."""
    out: Path = Path("runs/comparison")
    """Folder of the results; if they are there in part, the run goes on."""
    style: FigureStyle = "screen"
    """"publication" makes figures that can go into a journal."""
    encoders: Path | None = None
    """Folder of the pretrained encoders, so that two runs can share them; without it OUT/models."""
    dry_run: bool = False
    """Run a few steps of each kind of training, say what time and memory all would take, and write no results."""


def main(argv: list[str]) -> int:
    """Run the command."""
    return run_comparison(parse(RunOptions, argv, "ssrl-ecg run"), ["ssrl-ecg", "run", *argv])


def run_comparison(options: RunOptions, command: Sequence[str], *, title: str = "What pretraining buys") -> int:
    """Build the store, run the experiment, write ``results.json`` and ``report.html``, say what came out.

    Of several processes the first one alone makes the report.
    """
    with first_process_speaks(options.experiment.compute) as is_first:
        return _compare(options, command, title, reports=is_first)


def _compare(options: RunOptions, command: Sequence[str], title: str, *, reports: bool) -> int:
    tune_allocator()
    experiment = options.experiment.experiment()
    experiment.check(options.replicates)
    store = options.data.open_store(options.sampling_rate_hz)
    labels, splits = options.data.labels(store), options.protocol.splits(store, options.experiment.labels.validation)
    if options.dry_run:
        print(describe_forecast(Forecast(experiment, store, labels, splits).shares()))
        return DONE
    data = compared_data(options.data, store, labels, splits)
    config = {"protocol": options.protocol, "experiment": options.experiment}
    checked = prepare_experiment(
        experiment, store, labels, data.splits, options.out, encoders=options.encoders, execution=options.execution
    )
    try:
        with run_record(
            options.out, command=list(command), config=config, seed=options.experiment.seed, data=data.facts
        ) as run:
            data.audit.write(options.out)
            outcomes = checked.run()
            if not reports:
                return DONE
            print("computing intervals and writing the report", flush=True)
            report = make_report(
                options.out, store, labels, data.splits, title=title, about=data.about, run=run,
                notes=floors_left_out(labels, experiment.floors), n_replicates=options.replicates,
            )  # fmt: skip
            page = write_report(report, options.out, options.style)
    except KeyboardInterrupt as stop:
        stop.add_note("the same command goes on where this one stopped")
        raise
    print(headline(report), *findings(report), f"report: {page}", sep="\n")
    return say_failures(outcomes.failures)
