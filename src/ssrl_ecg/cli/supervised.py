"""``ssrl-ecg supervised``: a classifier from scratch, the reference that pretraining has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field

from ssrl_ecg.cli.classifier_options import ClassifierOptions
from ssrl_ecg.cli.classifier_training import train_and_save
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.cli.signal_options import EncoderOptions, SignalOptions
from ssrl_ecg.training.classify import ClassifyConfig


@dataclass(frozen=True, kw_only=True)
class SupervisedOptions(ClassifierOptions):
    """Train a classifier from scratch.

    Steps and thresholds are chosen on the validation folds. Beside the checkpoint OUT lies OUT.run with run.json,
    history.csv and, while it runs, the state from which the same command goes on after an interruption.
    """

    signal: SignalOptions = field(default_factory=SignalOptions)
    encoder: EncoderOptions = field(default_factory=EncoderOptions)


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(SupervisedOptions, argv, "ssrl-ecg supervised")
    with first_process_speaks(options.compute):
        records = options.records(options.signal.sampling_rate_hz)
        run_supervised(options, options.training, records, ["ssrl-ecg", "supervised", *argv])
    return DONE


def run_supervised(
    options: SupervisedOptions, config: ClassifyConfig, records: LabelledRecords, command: list[str]
) -> None:
    """Train and write the checkpoint; the preprocessing is fitted on all training recordings, labelled or not.

    Args:
        options: what the command was told.
        config: how to train, in place of the options' own.
        records: what to learn from and to choose on.
        command: the words that started the run.
    """
    train_and_save(
        options,
        config,
        records,
        lambda: options.with_head(options.encoder.build(), len(records.labels.classes)),
        options.signal.fitted(records.store, records.folds.train),
        command=command,
    )
