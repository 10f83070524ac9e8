"""``ssrl-ecg benchmark robustness``: models trained on clean recordings, scored on corrupted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from ssrl_ecg.augmentations.recipes import with_physiological_noises
from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.compared_data import compared_data
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.leaderboard import ROWS, method_plan
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.protocol_options import ProtocolOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.cli.run_training import TITLES
from ssrl_ecg.data.nstdb import NOISES, read_noise
from ssrl_ecg.evaluation.robustness.corruptions import CORRUPTIONS
from ssrl_ecg.evaluation.robustness.models import FLOORS_SCORED
from ssrl_ecg.evaluation.robustness.protocol import Robustness, prepare_robustness, with_noise_arms
from ssrl_ecg.evaluation.robustness.report import report_robustness
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.training.run import run_record, tune_allocator

REFERENCE = "supervised"


@dataclass(frozen=True, kw_only=True)
class RobustnessOptions:
    """Train on clean recordings, score the same corrupted ones by every model, and say who loses less.

    Writes report.html and results.json; an interrupted run goes on where it stopped.
    """

    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    nstdb: Path | None = None
    """Folder of the MIT-BIH Noise Stress Test Database (its last 10 of 30 minutes are used); without it, no recorded
    noise."""
    corruptions: tuple[Annotated[str, one_of(CORRUPTIONS)], ...] = tuple(CORRUPTIONS)
    """What is done to the recordings; without --nstdb those made of recorded noise are left out."""
    methods: tuple[Annotated[str, one_of(ROWS)], ...] = ("simclr", "byol", "vicreg")
    """Methods, each pretrained as its preset says."""
    with_noise: tuple[Annotated[str, one_of(ROWS)], ...] = ("simclr", "byol")
    """Those of them that are pretrained a second time, with physiological noises (level 2) before augmentations."""
    finetuned: tuple[Annotated[str, one_of(ROWS)], ...] = ROWS
    """Those of them that are fine-tuned too."""
    floors: tuple[Annotated[str, one_of(FLOORS_SCORED)], ...] | None = None
    """Floors; without the flag all that fit the label set (MiniRocket needs ssrl-ecg[floors])."""
    n_pretrainings: int = 3
    """Pretrainings per method with different seeds; trainings take them in turn."""
    n_seeds: int = 3
    """Trainings per row; their scores are averaged over seeds."""
    encoders: Path | None = None
    """Folder of encoders pretrained by an earlier run with the same settings; without it models in --out."""
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that are used."""
    seed: int = 42
    """First seed of pretrainings and trainings, and the seed of all corruptions."""
    replicates: int = 2000
    """Bootstrap replicates of every interval."""
    style: Literal["screen", "publication"] = "screen"
    """Look of the figures."""
    execution: Execution = field(default_factory=every_core)
    out: Path = Path("runs/robustness")
    """Folder of the results; if they are there in part, the run goes on."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(RobustnessOptions, argv, "ssrl-ecg benchmark robustness")
    return run_command(options, ["ssrl-ecg", "benchmark", "robustness", *argv])


def robustness(options: RobustnessOptions) -> Robustness:
    """Build what is asked: presets of the methods, the supervised row, and rows trained with noise.

    Raises:
        InputError: a value out of range, or recordings of noise that are missing or damaged.
    """
    usual = ExperimentOptions(seed=options.seed, n_pretrainings=options.n_pretrainings, floors=options.floors)
    plans = [
        replace(method_plan(name, options.seed, options.n_pretrainings), finetuned=name in options.finetuned)
        for name in options.methods
    ]
    twice = [REFERENCE, *(TITLES.get(name, name) for name in options.with_noise)]
    possible = tuple(name for name in options.corruptions if options.nstdb or not CORRUPTIONS[name].noise)
    experiment = with_noise_arms(replace(usual.experiment(), methods=plans), twice, with_physiological_noises)
    return Robustness(
        experiment=experiment,
        families=possible or options.corruptions,  # without any left, what is missing is named
        noises={name: read_noise(options.nstdb, name, "test") for name in NOISES} if options.nstdb else {},
        reference=REFERENCE,
        n_seeds=options.n_seeds,
        seed=options.seed,
    )


def run_command(options: RobustnessOptions, command: Sequence[str]) -> int:
    """Score what is missing, then compare; the exit code says whether something failed."""
    tune_allocator()
    asked = robustness(options)
    asked.check(options.replicates)
    store = options.data.open_store(options.sampling_rate_hz)
    labels, splits = options.data.labels(store), options.protocol.splits(store, "none")
    data = compared_data(options.data, store, labels, splits)
    config = {"protocol": options.protocol, "experiment": options}
    checked = prepare_robustness(
        asked, store, labels, data.splits, options.out, encoders=options.encoders, execution=options.execution
    )
    with run_record(options.out, command=list(command), config=config, seed=options.seed, data=data.facts) as run:
        data.audit.write(options.out)
        outcomes = checked.run()
        print("computing intervals and writing the report", flush=True)
        answers = report_robustness(options.out, run, n_replicates=options.replicates, style=options.style)
    print(*answers, f"report: {options.out / 'report.html'}", sep="\n")
    return say_failures(outcomes.failures)
