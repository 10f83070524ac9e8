"""Noisy student: other eyes learn what a teacher says of every unlabelled record, and all are averaged.

Xie, Luong, Hovy and Le 2020, "Self-training with Noisy Student improves ImageNet classification": a teacher fitted to
the labelled records scores the unlabelled ones, a student learns from both and, seeing the same diagnosis through many
signals, smooths the teacher's errors. Here the teacher is anything that scores records (``floors.Floor``), its scores
stay soft, one round is run, and there may be several students, each with its own view of a record: a network on
augmented crops (the noise), or a ridge regression on fixed features, which a teacher that reads measurements lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.labels import SoftLabels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.arms import linear_classifier
from ssrl_ecg.evaluation.floors.arm import Floor, Labelled
from ssrl_ecg.evaluation.floors.learners import Learner, Ridge
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import predict_logits
from ssrl_ecg.training.loop import Compute

Array = NDArray[np.float64]
Features = Callable[[int], NDArray[np.floating[Any]]]
"""Seed of a cell -> (record, feature) of every record of the store; cells take a few pretrained encoders in turn."""

STUDENT = ClassifyConfig(steps=200, passes=10.0, learning_rate=1e-3, weight_decay=1e-2)
"""How a network learns from a teacher; our choice, ``benchmarks/choose_whole_system.py`` compares others."""


class Student(Protocol):
    """Learns soft targets of training records and scores others."""

    def learn(
        self, rows: NDArray[np.int64], targets: Array, wanted: NDArray[np.int64], seed: int
    ) -> NDArray[np.floating[Any]]:
        """Learn and score.

        Args:
            rows: int (n,) training records.
            targets: float64 (n, class) in [0, 1]: labels where there are, else what the teacher says.
            wanted: int (m,) records to score.
            seed: seed of everything the student draws.

        Returns:
            (m, class) on the scale of the targets.
        """


@dataclass(frozen=True)
class TableStudent:
    """A learner on fixed features.

    Attributes:
        features: seed -> features of every record.
        learner: what is fitted to them; it must be able to learn targets between 0 and 1.
    """

    features: Features
    learner: Learner = field(default_factory=Ridge)

    def learn(
        self, rows: NDArray[np.int64], targets: Array, wanted: NDArray[np.int64], seed: int
    ) -> NDArray[np.floating[Any]]:
        """Fit the learner to the targets and score the wanted records."""
        features = self.features(seed)
        return self.learner(features[rows], targets, features[wanted], seed)


@dataclass(frozen=True)
class NetworkStudent:
    """A network trained on augmented crops, each class by itself (sigmoid).

    Attributes:
        store: the records.
        classes: names of the classes, in the order of the targets.
        make_encoder: seed -> a new encoder, pretrained or fresh.
        preprocessing: what the encoder is fed.
        recipe: augmentations of a crop.
        config: how it is trained; the seed is replaced.
        compute: precision and devices.
    """

    store: RecordStore
    classes: tuple[str, ...]
    make_encoder: Callable[[int], Encoder]
    preprocessing: Preprocessing
    recipe: Recipe
    config: ClassifyConfig = STUDENT
    compute: Compute | None = None

    def learn(
        self, rows: NDArray[np.int64], targets: Array, wanted: NDArray[np.int64], seed: int
    ) -> NDArray[np.floating[Any]]:
        """Train on the targets and give the wanted records' probabilities."""
        classifier = train_classifier(
            lambda: linear_classifier(self.make_encoder(seed), len(self.classes)),
            self.store,
            rows,
            SoftLabels.of_rows(self.classes, len(self.store), rows, targets),
            preprocessing=self.preprocessing,
            recipe=self.recipe,
            config=replace(self.config, seed=seed),
            compute=self.compute,
            progress=False,
        ).classifier
        logits = predict_logits(classifier, self.preprocessing, self.store, wanted)
        return np.asarray(expit(logits.astype(np.float64)))


@dataclass(frozen=True)
class NoisyStudent:
    """A teacher averaged with its students; a floor's kind of thing itself, so that an arm can score it.

    Attributes:
        teacher: what learns from the labelled records; its scores lie about [0, 1] and are clipped to it for teaching.
        students: who learns from it, by name; they count alike.
        training_rows: int (n,) all training records, labelled or not.
        share: weight of the students in the average, in [0, 1], where no record is labelled.
        strength: labelled records at which they count half as much, like a prior (``PriorBlend``): what they smooth are
            mostly the errors of what is known beforehand. Where every training record is labelled, nobody is taught.
    """

    teacher: Floor
    students: Mapping[str, Student]
    training_rows: NDArray[np.int64]
    share: float = 0.7
    strength: float = 50.0

    def scores(self, labelled: Labelled, wanted: NDArray[np.int64]) -> Array:
        """Fit the teacher, let the students learn what it says of the training records, and average.

        Labelled records keep their labels. Of the wanted records the students learn nothing.
        """
        rows = np.union1d(self.training_rows, wanted)
        taught = self.teacher.scores(labelled, rows)
        training = np.unique(self.training_rows)
        if len(labelled) == len(training):
            return taught[np.searchsorted(rows, wanted)]
        targets = np.clip(taught[np.searchsorted(rows, training)], 0.0, 1.0)
        targets[np.searchsorted(training, labelled.rows)] = labelled.targets
        learnt = [student.learn(training, targets, wanted, labelled.seed) for student in self.students.values()]
        share = self.share * self.strength / (self.strength + len(labelled))
        return np.asarray((1 - share) * taught[np.searchsorted(rows, wanted)] + share * np.mean(learnt, axis=0))
