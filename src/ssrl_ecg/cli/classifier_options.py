"""What every training of a classifier can be told: the flags that finetune, probe and supervised share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.cli.training_run import WatchOptions
from ssrl_ecg.losses import CLASSIFICATION_LOSSES
from ssrl_ecg.metrics.thresholds import THRESHOLDS
from ssrl_ecg.models import HEADS, Classifier, Encoder, head_input_dim
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.loop import Compute


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(ClassifyConfig):
    """How the classifier is trained."""

    loss: Annotated[str, one_of(CLASSIFICATION_LOSSES)] = "bce"
    """What training makes small: binary cross-entropy (bce); the same with classes weighed by inverse frequency
    (weighted), by effective numbers (class_balanced) or by clinical importance over frequency (clinical, superclasses
    only), or with positives weighed up to the negatives (positive_weighted); the focal loss, with one balance for all
    classes (focal) or each class's own (focal_per_class); the asymmetric loss. Single-label tasks use cross-entropy."""
    trainable: Annotated[Literal["all", "head"], tyro.conf.Suppress] = "all"
    """Decided by the command, not by a flag of its own."""

    @classmethod
    def of(cls, config: ClassifyConfig) -> ClassifyOptions:
        """Return flags with the defaults of this configuration."""
        return cls(**asdict(config))


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """Options of every command that trains a classifier."""

    out: Path
    """Checkpoint to write, OUT.safetensors."""
    data: LabelledDataOptions
    folds: FoldOptions = field(default_factory=FoldOptions)
    label_fraction: float = 1.0
    """Share of the training recordings whose labels are used, in (0, 1]; smaller shares lie inside larger ones."""
    head: Annotated[str, one_of(HEADS)] = "linear"
    """What turns features into scores."""
    recipe: Annotated[str, one_of(RECIPES)] = "crop-timeout"
    """Augmentations of a training crop."""
    thresholds: Annotated[str, one_of(THRESHOLDS)] = "f1"
    """What the decision threshold of each class makes largest on the validation folds: its F1, or youden: sensitivity +
    specificity."""
    training: ClassifyOptions = field(default_factory=ClassifyOptions)
    compute: Compute = field(default_factory=Compute)
    watch: WatchOptions = field(default_factory=WatchOptions)

    def records(self, sampling_rate_hz: float) -> LabelledRecords:
        """Choose the records; see ``LabelledRecords.choose``."""
        return LabelledRecords.choose(
            self.data,
            self.folds,
            sampling_rate_hz=sampling_rate_hz,
            label_fraction=self.label_fraction,
            seed=self.training.seed,
        )

    def with_head(self, encoder: Encoder, n_outputs: int) -> Classifier:
        """Put a fresh head, drawn from torch's current seed, on an encoder."""
        kind = HEADS[self.head]
        return Classifier(encoder, kind(kind.Config(), feature_dim=head_input_dim(encoder, kind), n_outputs=n_outputs))
