"""The flags of the label-scarcity protocol that other comparisons do not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from ssrl_ecg.cli.finetune import FinetuneOptions
from ssrl_ecg.cli.protocol_options import ProtocolOptions, Validation
from ssrl_ecg.cli.run_labels import LabelOptions
from ssrl_ecg.cli.run_options import ExperimentOptions
from ssrl_ecg.cli.run_training import RunTrainingOptions
from ssrl_ecg.cli.supervised import SupervisedOptions
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split, without_validation
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.data.subsampling import subsampling_split
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class RepeatedProtocolOptions(ProtocolOptions):
    """Who trains, who chooses, who is tested, perhaps in several random splits."""

    protocol: Literal["folds", "rotation", "lists", "subsampling"] = "folds"  # type: ignore[assignment]
    """"folds": the three fold flags. "rotation": train on folds 1-6; validate and test on (7, 8), (8, 9), (9, 7).
    "lists": the three files of record ids. "subsampling": random splits of patients, 70 % train, 15 % validate, 15 %
    test, each with a pretraining of its own."""
    n_splits: Annotated[int, tyro.conf.arg(name="splits")] = 5
    """Random splits of subsampling; their seeds count up from --seed."""

    def repeats(self, store: RecordStore, labels: Labels, validation: Validation, seed: int) -> list[list[Split]]:
        """The splits of each repetition of the protocol; there is one, unless splits are drawn.

        Raises:
            InputError: fewer than two random splits, or what ``splits`` refuses.
        """
        if self.protocol != "subsampling":
            return [self.splits(store, validation)]
        if self.n_splits < 2:
            found = self.n_splits
            raise InputError(
                "an interval over splits needs splits", field="--splits", expected="2 or more", found=found
            )
        patients = store.records["patient_id"].to_numpy()
        drawn = [subsampling_split(labels, patients, seed + number) for number in range(self.n_splits)]
        return [[split] if validation == "fold" else [without_validation([split])] for split in drawn]


@dataclass(frozen=True, kw_only=True)
class ScarcityLabelOptions(LabelOptions):
    """How many labels; --validations says who may choose."""

    validation: Annotated[Validation, tyro.conf.Suppress] = "fold"
    """Set by each track."""
    fractions: tuple[float, ...] = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
    """Label fractions."""
    repeats: tuple[int, ...] = (10, 5, 5, 3, 3, 3)
    """Label subsets at each fraction; at 1.0, seeds."""


@dataclass(frozen=True, kw_only=True)
class ScarcityTrainingOptions(RunTrainingOptions):
    """How networks are pretrained and trained.

    Training from scratch stands twice: with its own augmentations, and with those of fine-tuning.
    """

    supervised_recipes: tuple[str, ...] = tuple(dict.fromkeys((SupervisedOptions.recipe, FinetuneOptions.recipe)))
    """Augmentations of the crops of supervised training; each further one gives a supervised row of its own."""


@dataclass(frozen=True, kw_only=True)
class ScarcityExperimentOptions(ExperimentOptions):
    """What is compared."""

    labels: ScarcityLabelOptions = field(default_factory=ScarcityLabelOptions)
    training: ScarcityTrainingOptions = field(default_factory=ScarcityTrainingOptions)
