"""``ssrl-ecg benchmark ablation``: pretrain with a recipe, and with each of its augmentations left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.compared_data import compared_data
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.leaderboard import method_plan
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.protocol_options import ProtocolOptions
from ssrl_ecg.cli.run_labels import LabelOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.evaluation.ablation import ablation_table, leave_one_out, make_ablation, write_ablation
from ssrl_ecg.evaluation.experiment import prepare_experiment
from ssrl_ecg.evaluation.plans import Experiment
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.methods import METHODS
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class AblationOptions:
    """Pretrain a method with a recipe, and with each of its augmentations left out, and compare frozen probes.

    Writes ablation.json and prints a table with intervals; an interrupted run goes on where it stopped.
    """

    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    method: Annotated[str, one_of(METHODS)] = "simclr"
    """Method, with the encoder and the schedule of its preset."""
    recipe: Annotated[str, one_of(RECIPES)] = "full"
    """Recipe whose augmentations are left out in turn."""
    epochs: int | None = None
    """Passes over the unlabelled training records; without it the preset's."""
    n_pretrainings: int = 3
    """Pretrainings per row with different seeds; label subsets take them in turn."""
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that are used."""
    seed: int = 42
    """First seed of subsets, pretrainings and trainings."""
    execution: Execution = field(default_factory=every_core)
    replicates: int = 2000
    """Bootstrap replicates of every interval."""
    out: Path = Path("runs/ablation")
    """Folder of the results; if they are there in part, the run goes on."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(AblationOptions, argv, "ssrl-ecg benchmark ablation")
    return run_ablation(options, ["ssrl-ecg", "benchmark", "ablation", *argv])


def ablation_experiment(options: AblationOptions) -> Experiment:
    """Build the experiment: the whole recipe, each that lacks one, and the random encoder, as frozen probes alone."""
    plan = method_plan(options.method, options.seed, options.n_pretrainings)
    schedule = plan.pretrain if options.epochs is None else replace(plan.pretrain, epochs=options.epochs)
    methods = leave_one_out(replace(plan, recipe=RECIPES[options.recipe](), pretrain=schedule))
    usual = ExperimentOptions(seed=options.seed, labels=options.labels, n_pretrainings=options.n_pretrainings)
    return replace(usual.experiment(), methods=methods, supervised={}, finetune=None, floors=())


def run_ablation(options: AblationOptions, command: Sequence[str]) -> int:
    """Run every missing cell, then compare."""
    tune_allocator()
    experiment = ablation_experiment(options)
    check_replicates((len(experiment.methods) - 1) * experiment.design.n_amounts, options.replicates, 0.95)
    store = options.data.open_store(options.sampling_rate_hz)
    labels = options.data.labels(store)
    splits = options.protocol.splits(store, options.labels.validation)
    data = compared_data(options.data, store, labels, splits)
    config = {"protocol": options.protocol, "experiment": options}
    checked = prepare_experiment(experiment, store, labels, data.splits, options.out, execution=options.execution)
    with run_record(options.out, command=list(command), config=config, seed=options.seed, data=data.facts) as run:
        data.audit.write(options.out)
        outcomes = checked.run()
        print("computing intervals", flush=True)
        ablation = make_ablation(options.out, experiment.methods, n_replicates=options.replicates)
        write_ablation(ablation, run, options.out / "ablation.json")
    print(*ablation_table(ablation), f"ablation: {options.out / 'ablation.json'}", sep="\n")
    return say_failures(outcomes.failures)
