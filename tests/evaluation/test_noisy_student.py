"""Who is taught what, by hand; a ridge student, which has a closed form; and a network that learns soft targets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.recipes import none
from ssrl_ecg.evaluation.floors.arm import Labelled
from ssrl_ecg.evaluation.floors.blends import Known
from ssrl_ecg.evaluation.noisy_student import NetworkStudent, NoisyStudent, TableStudent
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig

TRAINING, WANTED = np.array([2, 0, 5, 7]), np.array([9, 1])
SCORES = np.linspace(-0.2, 1.2, 24).reshape(12, 2)


def labelled(*rows):
    targets = np.tile([1.0, 0.0], (len(rows), 1))
    return Labelled(np.array(rows, np.int64), targets, np.array([str(row) for row in rows], object), seed=3)


@dataclass
class Attentive:
    """Notes what it is taught and answers with one number."""

    answer: float
    taught: list = field(default_factory=list)

    def learn(self, rows, targets, wanted, seed):
        self.taught.append((rows.tolist(), targets.copy(), wanted.tolist(), seed))
        return np.full((len(wanted), targets.shape[1]), self.answer)


def test_students_are_taught_labels_where_there_are_and_else_clipped_scores():
    student = Attentive(0.5)
    NoisyStudent(Known(SCORES), {"one": student}, TRAINING).scores(labelled(5), WANTED)
    ((rows, targets, wanted, seed),) = student.taught
    assert (rows, wanted, seed) == ([0, 2, 5, 7], [9, 1], 3)
    np.testing.assert_allclose(targets, [np.clip(SCORES[0], 0, 1), SCORES[2], [1, 0], SCORES[7]])


def test_students_count_alike_and_half_at_as_many_labels_as_their_strength():
    system = NoisyStudent(Known(SCORES), {"a": Attentive(0.2), "b": Attentive(0.6)}, TRAINING, 0.6, strength=1)
    np.testing.assert_allclose(system.scores(labelled(), WANTED), 0.4 * SCORES[WANTED] + 0.6 * 0.4)
    np.testing.assert_allclose(system.scores(labelled(7), WANTED), 0.7 * SCORES[WANTED] + 0.3 * 0.4)


def test_where_everything_is_labelled_nobody_is_taught():
    student = Attentive(0.5)
    scores = NoisyStudent(Known(SCORES), {"one": student}, TRAINING).scores(labelled(0, 2, 5, 7), WANTED)
    np.testing.assert_array_equal(scores, SCORES[WANTED])
    assert not student.taught


def test_a_table_student_learns_from_the_features_of_its_seed():
    def nearest(known, targets, wanted, seed):
        return targets[np.abs(known[None] - wanted[:, None]).sum(axis=-1).argmin(axis=1)]

    features = {3: np.arange(12.0)[:, None], 4: -(np.arange(12.0)[:, None] ** 2)}
    student = TableStudent(lambda seed: features[seed], nearest)
    targets = np.array([[0.1], [0.2], [0.3], [0.4]])
    np.testing.assert_array_equal(student.learn(np.sort(TRAINING), targets, WANTED, 3), [[0.4], [0.1]])
    np.testing.assert_array_equal(student.learn(np.sort(TRAINING), targets, WANTED, 4), [[0.4], [0.1]])


def test_a_network_learns_soft_targets_and_repeats(synthetic_store):
    rows, wanted = np.arange(12), np.arange(12, 16)
    preprocessing = Preprocessing(window_s=2.5, normalisation="record")

    def encoder(seed):
        torch.manual_seed(seed)
        return ECGEncoder1DCNN(CNNConfig(width=4))

    student = NetworkStudent(
        synthetic_store, ("a", "b"), encoder, preprocessing, none(),
        ClassifyConfig(steps=40, passes=0, batch_size=12, learning_rate=0.02, weight_decay=0.0),
    )  # fmt: skip
    targets = np.tile([0.3, 0.9], (12, 1))
    learnt = student.learn(rows, targets, wanted, 1)
    np.testing.assert_allclose(learnt, np.tile([0.3, 0.9], (4, 1)), atol=0.1)
    np.testing.assert_array_equal(learnt, student.learn(rows, targets, wanted, 1))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_reaches_from_the_teacher_to_the_students(share):
    system = NoisyStudent(Known(SCORES), {"a": Attentive(0.2)}, TRAINING, share)
    np.testing.assert_allclose(system.scores(labelled(), WANTED), 0.2 if share else SCORES[WANTED])
