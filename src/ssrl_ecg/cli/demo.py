"""``ssrl-ecg demo``: the whole way on simulated recordings, in minutes, with nothing to download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.run import RunOptions, run_comparison
from ssrl_ecg.cli.run_labels import LabelOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.cli.run_training import RunTrainingOptions
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Simulate a cohort, pretrain, fine-tune at 10 % of the labels, compare, write a report."""

    out: Path = Path("runs/demo")
    """Folder of the cohort, the models and the report."""
    n_records: int = 2000
    """Simulated recordings."""
    seed: int = 42
    """Seed of everything."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(DemoOptions, argv, "ssrl-ecg demo")
    cohort = write_synthetic_ptbxl(options.out / "cohort", options.n_records, options.seed, progress=True)
    experiment = ExperimentOptions(
        encoder=EncoderOptions(encoder="resnet18", encoder_width=32),
        n_pretrainings=1,
        training=RunTrainingOptions(pretrain_epochs=25, steps=160),
        labels=LabelOptions(fractions=(0.1,), repeats=(3,)),
        floors=(),
        seed=options.seed,
    )
    run = RunOptions(
        data=LabelledDataOptions(data=str(cohort), store=options.out / "store"),
        experiment=experiment,
        replicates=1000,
        out=options.out,
    )
    return run_comparison(run, ["ssrl-ecg", "demo", *argv], title="Demo: what pretraining buys on simulated ECGs")
