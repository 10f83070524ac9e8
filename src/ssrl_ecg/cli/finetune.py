"""``ssrl-ecg finetune``: a classifier from a pretrained encoder and a few labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.classifier_options import ClassifierOptions, ClassifyOptions
from ssrl_ecg.cli.classifier_training import train_and_save
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.pretrained import PretrainedOptions, linear_probe
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.models import Classifier
from ssrl_ecg.training.checkpoint import EncoderCheckpoint
from ssrl_ecg.training.classify import FINETUNING, ClassifyConfig


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions(ClassifierOptions):
    """Train a classifier from a pretrained encoder: encoder and head, or the head alone.

    Steps and thresholds are chosen on the validation folds. Beside the checkpoint OUT lies OUT.run with run.json,
    history.csv and, while it runs, the state from which the same command goes on after an interruption.
    """

    pretrained: PretrainedOptions
    freeze_encoder: bool = False
    """Train the head alone."""
    probe_first: bool = True
    """Start a linear head on a moving encoder as a linear probe: a random one would distort pretrained features."""
    recipe: Annotated[str, one_of(RECIPES)] = "none"
    """Augmentations of a training crop."""
    training: ClassifyOptions = field(default_factory=lambda: ClassifyOptions.of(FINETUNING))


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(FinetuneOptions, argv, "ssrl-ecg finetune")
    with first_process_speaks(options.compute):
        pretrained = options.pretrained.load()
        records = options.records(pretrained.preprocessing.sampling_rate_hz)
        run_finetuning(options, options.training, pretrained, records, ["ssrl-ecg", "finetune", *argv])
    return DONE


def run_finetuning(
    options: FinetuneOptions,
    config: ClassifyConfig,
    pretrained: EncoderCheckpoint,
    records: LabelledRecords,
    command: list[str],
) -> None:
    """Train and write the checkpoint.

    Args:
        options: what the command was told.
        config: how to train, in place of the options' own.
        pretrained: the encoder; not used afterwards, as it is the one that moves.
        records: what to learn from and to choose on.
        command: the words that started the run.

    Raises:
        InputError: the encoder has seen the records that are to judge it, or anything training refuses.
    """
    records.refuse_seen(pretrained.provenance)
    probe_first = options.probe_first and options.head == "linear" and not options.freeze_encoder

    def make_classifier() -> Classifier:
        classifier = options.with_head(pretrained.encoder, len(records.labels.classes))
        if probe_first:
            classifier.head.load_state_dict(linear_probe(pretrained, records).head().state_dict())
        return classifier

    train_and_save(
        options,
        replace(config, trainable="head" if options.freeze_encoder else "all"),
        records,
        make_classifier,
        pretrained.preprocessing,
        command=command,
        earlier=pretrained.provenance,
    )
