"""One training of a classifier: steps, thresholds, checkpoint, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.classifier_options import ClassifierOptions
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.training_run import training_run
from ssrl_ecg.files import remove
from ssrl_ecg.metrics.calibration import probabilities_from_logits
from ssrl_ecg.metrics.thresholds import THRESHOLDS
from ssrl_ecg.models import Classifier
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, save_checkpoint
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import predict_logits
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.selection import validation_auroc
from ssrl_ecg.training.state import STATE_NAME


def train_and_save(
    options: ClassifierOptions,
    config: ClassifyConfig,
    records: LabelledRecords,
    make_classifier: Callable[[], Classifier],
    preprocessing: Preprocessing,
    *,
    command: list[str],
    earlier: dict[str, Any] | None = None,
) -> None:
    """Train, choose thresholds, write checkpoint, history and record.

    Args:
        options: what the command was told.
        config: how to train, in place of the options' own.
        records: what to learn from and to choose on.
        make_classifier: builds the classifier from torch's current seed.
        preprocessing: fitted.
        command: the words that started the run.
        earlier: provenance of the checkpoint that the encoder comes from.
    """
    recipe = RECIPES[options.recipe]()
    with training_run(
        options.out, command=command, options=options, seed=config.seed, store=records.store, watch=options.watch
    ) as run:
        result = train_classifier(
            make_classifier,
            records.store,
            records.training,
            records.labels,
            preprocessing=preprocessing,
            recipe=recipe,
            config=config,
            validations={"validation": records.validation},
            compute=options.compute,
            folder=run.folder,
            log=run.log,
        )
        settings = {
            "training": as_config(config),
            "recipe": recipe.to_dict(),
            "label_fraction": options.label_fraction,
            "thresholds": options.thresholds,
        }
        provenance = records.describe_weights(command, settings, earlier)
        save_classifier(options, result.classifier, preprocessing, records, provenance)
        remove(run.folder / STATE_NAME)


def save_classifier(
    options: ClassifierOptions,
    classifier: Classifier,
    preprocessing: Preprocessing,
    records: LabelledRecords,
    provenance: dict[str, Any],
) -> None:
    """Choose the thresholds on the validation records, write the checkpoint, print the AUROC.

    Args:
        options: which checkpoint, and what its thresholds make largest.
        classifier: trained, in eval mode.
        preprocessing: what it must be fed.
        records: what it is chosen on.
        provenance: where it comes from.
    """
    labels, rows = records.labels, records.validation
    logits = predict_logits(classifier, preprocessing, records.store, rows)
    thresholds = None
    if labels.task != "single":
        choose = THRESHOLDS[options.thresholds]
        thresholds = tuple(choose(labels.values[rows], probabilities_from_logits(logits)).tolist())
    checkpoint = ClassifierCheckpoint(
        classifier, preprocessing, labels.classes, labels.task, labels.name, thresholds, provenance
    )
    save_checkpoint(options.out, checkpoint)
    score = validation_auroc(labels, rows, logits)
    print(f"validation macro AUROC: {score:.3f} (weights and thresholds were chosen by it; for a test: evaluate)")
