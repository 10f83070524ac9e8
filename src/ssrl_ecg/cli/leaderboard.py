"""``ssrl-ecg benchmark leaderboard``: every method at one cost, on the same subsets, against the best of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.compared_data import compared_data
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.cli.protocol_options import ProtocolOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.cli.run_training import TITLES
from ssrl_ecg.evaluation.experiment import prepare_experiment
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.leaderboard import make_leaderboard, standings, write_leaderboard
from ssrl_ecg.evaluation.leaderboard_page import write_leaderboard_page
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.simulated_start import SimulatedStart
from ssrl_ecg.methods import METHODS
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.training.run import run_record, tune_allocator

CHAIN = "simulation-simclr"
ROWS = (*METHODS, CHAIN)


@dataclass(frozen=True, kw_only=True)
class LeaderboardOptions:
    """Pretrain every method as its preset says and compare frozen and fine-tuned rows with the best of all others.

    Writes leaderboard.json and report.html with its figures; an interrupted run goes on where it stopped.
    """

    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    methods: tuple[Annotated[str, one_of(ROWS)], ...] = ROWS
    """Methods to compare; each with its own encoder, augmentations and schedule. simulation-simclr starts on simulated
    recordings and goes on with SimCLR on the real ones, half of the cost each."""
    repeated: tuple[Annotated[str, one_of(METHODS)], ...] = ("simclr",)
    """Methods that are pretrained three times, with different seeds; the others once."""
    finetuned: tuple[Annotated[str, one_of(ROWS)], ...] = ROWS
    """Methods that are fine-tuned too; it takes twice as long as all their frozen rows."""
    whole_systems: bool = True
    """Let the ensemble of floors teach students in every method's features too."""
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that are used."""
    seed: int = 42
    """First seed of subsets, pretrainings and trainings."""
    execution: Execution = field(default_factory=every_core)
    replicates: int = 4000
    """Bootstrap replicates of every interval."""
    out: Path = Path("runs/leaderboard")
    """Folder of the results; if they are there in part, the run goes on."""
    style: FigureStyle = "screen"
    """"publication" makes figures that can go into a journal."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(LeaderboardOptions, argv, "ssrl-ecg benchmark leaderboard")
    return run_leaderboard(options, ["ssrl-ecg", "benchmark", "leaderboard", *argv])


def method_plan(name: str, seed: int, n_pretrainings: int) -> MethodPlan:
    """How a method is pretrained by its preset."""
    method = "simclr" if name == CHAIN else name
    chosen, kind = preset(method), METHODS[method]
    encoder = chosen.encoder_options()
    plan = MethodPlan(
        name=TITLES.get(name, name),
        kind=kind,
        config=kind.Config(),
        pretrain=replace(chosen.schedule, seed=seed),
        recipe=RECIPES[chosen.recipe](),
        encoder=EncoderPlan(kind=ENCODERS[encoder.encoder], config=encoder.config()),
        n_pretrainings=n_pretrainings,
        start=SimulatedStart() if name == "simulation" else None,
    )
    return half_simulated(plan) if name == CHAIN else plan


def half_simulated(plan: MethodPlan) -> MethodPlan:
    """Spend half of a method's passes on simulated records first."""
    start = SimulatedStart()
    start = replace(start, pretrain=replace(start.pretrain, epochs=start.pretrain.epochs // 2))
    return replace(plan, start=start, pretrain=replace(plan.pretrain, epochs=plan.pretrain.epochs // 2))


def leaderboard_experiment(options: LeaderboardOptions) -> Experiment:
    """Build the main job's experiment with a preset for each method, and with attention probes."""
    plans = {name: method_plan(name, options.seed, 3 if name in options.repeated else 1) for name in options.methods}
    methods = [replace(plan, finetuned=name in options.finetuned) for name, plan in plans.items()]
    usual = ExperimentOptions(seed=options.seed, attention_probe=True).experiment()
    return replace(usual, methods=methods, whole_systems=options.whole_systems)


def run_leaderboard(options: LeaderboardOptions, command: Sequence[str]) -> int:
    """Run every missing cell, then compare."""
    tune_allocator()
    experiment = leaderboard_experiment(options)
    store = options.data.open_store(options.sampling_rate_hz)
    labels, splits = options.data.labels(store), options.protocol.splits(store, "fold")
    data = compared_data(options.data, store, labels, splits)
    config = {"protocol": options.protocol, "experiment": options}
    checked = prepare_experiment(experiment, store, labels, data.splits, options.out, execution=options.execution)
    with run_record(options.out, command=list(command), config=config, seed=options.seed, data=data.facts) as run:
        data.audit.write(options.out)
        outcomes = checked.run()
        print("computing intervals", flush=True)
        leaderboard = make_leaderboard(options.out, n_replicates=options.replicates)
        write_leaderboard(leaderboard, run, options.out / "leaderboard.json")
        page = write_leaderboard_page(leaderboard, run, options.out, options.style)
    print(*standings(leaderboard), f"leaderboard: {page}", sep="\n")
    return say_failures(outcomes.failures)
