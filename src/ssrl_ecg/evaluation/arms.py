"""What is compared: every arm gets the same labelled records and validation sets, and scores the same test records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.heads import LinearHead, LinearHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.attention_probe import AttentionProbeConfig, fit_attention_probe
from ssrl_ecg.training.classify import ClassifyConfig, ClassifyResult, train_classifier
from ssrl_ecg.training.embed import predict_logits
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.probe import choose_probe, cross_validated_probe, fit_probe

Family = Literal["method", "supervised", "floor"]
History = Mapping[str, float]
T = TypeVar("T")

HEAD_INVERSE_PENALTY = 1e-2
"""scikit-learn's C of the probe that fine-tuning starts from. It is fixed: in a rotation, the validation rows of one
split are the test rows of another, so nothing that all splits share may be chosen on any of them."""


@dataclass(frozen=True)
class Scores:
    """What one arm says of one split.

    Attributes:
        validation: float32 (validation record, class), in the split's order; without rows in the track without
            validation.
        test: float32 (test record, class), in the split's order.
        history: what the training logged, one entry per look; the same for all splits, and empty without gradients.
    """

    validation: np.ndarray
    test: np.ndarray
    history: tuple[History, ...] = ()


@dataclass(frozen=True)
class Task:
    """One cell's work: learn from these labelled rows, judge on each of these splits.

    Attributes:
        store: the records.
        labels: targets of every row.
        rows: labelled training rows; none for an arm that needs no label.
        splits: splits that share these training rows; each has its own test rows and, in the track with a validation
            fold, validation rows. Without them the labelled rows alone may choose.
        seed: seed of everything the arm draws.
    """

    store: RecordStore
    labels: Labels
    rows: np.ndarray
    splits: Sequence[Split]
    seed: int

    @property
    def validations(self) -> dict[str, np.ndarray]:
        """Validation rows of each split by the split's number; empty in the track without validation."""
        return {str(number): split.validation for number, split in enumerate(self.splits) if len(split.validation)}

    @property
    def patients(self) -> np.ndarray:
        """Patient of every row of the store."""
        return np.asarray(self.store.records["patient_id"])


class Arm(ABC):
    """One row of the comparison.

    Attributes:
        name: the row's name in every table.
        family: whether it is a method, the supervised reference or a floor.
    """

    name: str
    family: Family

    @abstractmethod
    def run(self, task: Task) -> list[Scores]:
        """Learn from ``task.rows`` and score the validation and test rows of each split."""


def linear_classifier(encoder: Encoder, n_outputs: int) -> Classifier:
    """Encoder with a fresh linear head."""
    return Classifier(encoder, LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=n_outputs))


@dataclass(frozen=True)
class TrainedArm(Arm):
    """A network trained with gradients: from scratch, or from a pretrained encoder.

    Attributes:
        name: row name.
        family: "supervised" from scratch, "method" from a pretrained encoder.
        make_encoder: builds a new encoder for every cell, from the cell's seed; never the same object twice.
        preprocessing: what the encoder is fed.
        recipe: augmentations of a training crop.
        config: training settings; the seed is replaced by the cell's.
        features: (record, feature) of the frozen encoder for the cell's seed. Given, training starts from the head of
            the linear probe (Kumar et al., ICLR 2022: a random head distorts pretrained features).
        compute: precision and devices.
    """

    name: str
    family: Family
    make_encoder: Callable[[int], Encoder]
    preprocessing: Preprocessing
    recipe: Recipe
    config: ClassifyConfig
    features: Callable[[int], np.ndarray] | None = None
    compute: Compute | None = None

    def run(self, task: Task) -> list[Scores]:
        """Train once; for each split take the weights that did best on its validation rows, or the last without any."""
        result = self.train(task)
        scores = []
        for number, split in enumerate(task.splits):
            classifier = result.classifier_for(str(number)) if task.validations else result.classifier
            both = predict_logits(
                classifier, self.preprocessing, task.store, np.concatenate([split.validation, split.test])
            )
            n_validation = len(split.validation)
            scores.append(Scores(both[:n_validation], both[n_validation:], tuple(result.history)))
        return scores

    def train(self, task: Task) -> ClassifyResult:
        """Train on ``task.rows``, with an eye on the validation rows of every split.

        Training never stops early: when to stop would be decided by all validation sets together, and one split's
        validation rows are another's test rows.
        """
        return train_classifier(
            lambda: self._classifier(task),
            task.store,
            task.rows,
            task.labels,
            preprocessing=self.preprocessing,
            recipe=self.recipe,
            config=replace(self.config, seed=task.seed, patience=self.config.steps),
            validations=task.validations,
            compute=self.compute,
            progress=False,
        )

    def _classifier(self, task: Task) -> Classifier:
        classifier = linear_classifier(self.make_encoder(task.seed), len(task.labels.classes))
        if self.features is not None:
            features, values = self.features(task.seed)[task.rows], task.labels.values[task.rows]
            probe = fit_probe(features, values, HEAD_INVERSE_PENALTY, single=task.labels.task == "single")
            classifier.head.load_state_dict(probe.head().state_dict())
        return classifier


@dataclass(frozen=True)
class ProbeArm(Arm):
    """Logistic regression on the features of a frozen encoder.

    Attributes:
        name: row name.
        family: "method" for a pretrained encoder, "floor" for a random one.
        features: seed -> (record, feature) of every record of the store.
    """

    name: str
    family: Family
    features: Callable[[int], np.ndarray]

    def run(self, task: Task) -> list[Scores]:
        """Fit at each penalty; for each split take the one that did best on its validation rows.

        Without validation rows the penalty is chosen by cross-validation within the labelled rows.
        """
        features = self.features(task.seed)
        if task.validations:
            by_split = choose_probe(features, task.labels, task.rows, task.validations)
            probes = [by_split[str(number)] for number in range(len(task.splits))]
        else:
            probe = cross_validated_probe(features, task.labels, task.rows, task.patients, task.seed)
            probes = [probe] * len(task.splits)
        return [
            Scores(probe.logits(features[split.validation]), probe.logits(features[split.test]))
            for probe, split in zip(probes, task.splits, strict=True)
        ]


@dataclass(frozen=True)
class AttentionProbeArm(Arm):
    """An attention-pooling head on the maps of a frozen encoder.

    Attributes:
        name: row name.
        family: "method" for a pretrained encoder, "floor" for a random one.
        maps: seed -> float16 (record, channel, moment) of every record of the store.
        config: how the head is trained.
    """

    name: str
    family: Family
    maps: Callable[[int], np.ndarray]
    config: AttentionProbeConfig = field(default_factory=AttentionProbeConfig)

    def run(self, task: Task) -> list[Scores]:
        """Train once; for each split take the weights that did best on its validation rows, or the last without any."""
        maps = self.maps(task.seed)
        last, best = fit_attention_probe(maps, task.labels, task.rows, task.validations, self.config, task.seed)
        probes = [best.get(str(number), last) for number in range(len(task.splits))]
        return [
            Scores(probe.logits(maps[split.validation]), probe.logits(maps[split.test]))
            for probe, split in zip(probes, task.splits, strict=True)
        ]


def in_turn(count: int, entry: Callable[[int], T]) -> Callable[[int], T]:
    """Give seed s the entry number s modulo ``count``: cells share a few pretrainings evenly."""
    return lambda seed: entry(seed % count)
