"""``ssrl-ecg probe``: what a frozen encoder's features are worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.classifier_options import ClassifierOptions, ClassifyOptions
from ssrl_ecg.cli.classifier_training import save_classifier, train_and_save
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.pretrained import PretrainedOptions, linear_probe
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.cli.training_run import training_run
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import Classifier
from ssrl_ecg.training.checkpoint import EncoderCheckpoint
from ssrl_ecg.training.classify import FINETUNING


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(ClassifierOptions):
    """Fit a head on a pretrained encoder that does not move.

    linear is logistic regression on the feature vectors, solved to convergence, its penalty chosen on the validation
    folds; of the training flags only the seed, which draws the label fraction, applies to it. attention learns which
    moments count, in steps.
    """

    pretrained: PretrainedOptions
    head: Annotated[str, one_of(("linear", "attention"))] = "linear"
    """Logistic regression, or attention over time and a linear layer."""
    recipe: Annotated[str, one_of(RECIPES)] = "none"
    """Augmentations of a training crop of the attention head."""
    training: ClassifyOptions = field(default_factory=lambda: ClassifyOptions.of(FINETUNING))


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(ProbeOptions, argv, "ssrl-ecg probe")
    with first_process_speaks(options.compute):
        run_probe(options, ["ssrl-ecg", "probe", *argv])
    return DONE


def run_probe(options: ProbeOptions, command: list[str]) -> None:
    """Fit the head and write the checkpoint.

    Args:
        options: what the command was told.
        command: the words that started the run.

    Raises:
        InputError: the encoder has seen the records that are to judge it, or anything training refuses.
    """
    pretrained = options.pretrained.load()
    records = options.records(pretrained.preprocessing.sampling_rate_hz)
    records.refuse_seen(pretrained.provenance)
    if options.head == "linear":
        _fit_regression(options, pretrained, records, command)
    else:
        train_and_save(
            options,
            replace(options.training, trainable="head"),
            records,
            lambda: options.with_head(pretrained.encoder, len(records.labels.classes)),
            pretrained.preprocessing,
            command=command,
            earlier=pretrained.provenance,
        )


def _fit_regression(
    options: ProbeOptions, pretrained: EncoderCheckpoint, records: LabelledRecords, command: list[str]
) -> None:
    seed, watch = options.training.seed, options.watch
    if watch.dry_run:
        raise InputError("a linear probe has no steps", field="--dry-run", expected="--head attention")
    with training_run(options.out, command=command, options=options, seed=seed, store=records.store, watch=watch):
        probe = linear_probe(pretrained, records)
        settings = {
            "inverse_penalty": probe.inverse_penalty,
            "label_fraction": options.label_fraction,
            "thresholds": options.thresholds,
        }
        provenance = records.describe_weights(command, settings, pretrained.provenance)
        classifier = Classifier(pretrained.encoder, probe.head()).eval()
        save_classifier(options, classifier, pretrained.preprocessing, records, provenance)
