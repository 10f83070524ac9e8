from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.data.mitbih import MITBIH
from ssrl_ecg.evaluation.transfer.arms import (
    ForestArm,
    JointArm,
    LogisticArm,
    RememberedArm,
    frozen_features,
    shape_features,
)
from ssrl_ecg.evaluation.transfer.beat_shapes import beat_shapes
from ssrl_ecg.evaluation.transfer.holter import HolterBeats, read_holter_record
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.embed import module_hash


@pytest.fixture
def start(encoder_file):
    return load_encoder(encoder_file)


@pytest.fixture
def beats(mitbih, start):
    records = [read_holter_record(MITBIH(mitbih), name, start.preprocessing) for name in ("101", "106", "100")]
    return HolterBeats.of(records, start.preprocessing)


@pytest.mark.parametrize("kind", [ForestArm, LogisticArm])
def test_arms_learn_and_give_log_probabilities_of_all_taught_classes(kind):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 300).astype(np.int8)
    features = (rng.standard_normal((300, 6)) + 2 * np.eye(6)[classes]).astype(np.float32)
    arm, known, wanted = kind(lambda seed: features, classes), np.arange(200), np.arange(200, 300)
    found = arm.log_probabilities(known, wanted, arm.settings[-1], seed=1)
    assert found.shape == (100, 4)
    assert (found.argmax(axis=1) == classes[wanted]).mean() > 0.75
    assert (found[:, 3] == found.min()).all()
    np.testing.assert_array_equal(found, arm.log_probabilities(known, wanted, arm.settings[-1], seed=1))


class Counting:
    """Answers with the seed, and counts how often it was asked."""

    settings = (1, 2)

    def __init__(self, value):
        self.value, self.asked = value, 0

    def log_probabilities(self, known, wanted, setting, seed):
        self.asked += 1
        return np.full((len(wanted), 4), self.value * setting + seed, float)


def test_rows_that_vote_together_give_the_mean_of_their_log_probabilities():
    joint = JointArm((Counting(1.0), Counting(5.0)))
    assert joint.settings == (1, 2)
    np.testing.assert_array_equal(joint.log_probabilities(np.arange(3), np.arange(2), 2, 7), np.full((2, 4), 13.0))


def test_a_member_of_several_rows_learns_once_for_each_question():
    member = Counting(1.0)
    remembered, rows = RememberedArm(member), np.arange(5)
    parts = ((rows[:3], rows[3:]), (rows[:4], rows[4:]))
    questions = [(*parts[0], 1, 0), (*parts[1], 1, 0), (*parts[0], 2, 0), (*parts[0], 1, 1)]
    for question in questions * 2:
        np.testing.assert_array_equal(
            remembered.log_probabilities(*question), Counting(1.0).log_probabilities(*question)
        )
    assert member.asked == len(questions)


def test_frozen_features_are_a_rotation_of_what_the_encoder_says_and_leave_it_alone(beats, start):
    encoder, before = start.encoder, module_hash(start.encoder)
    features = frozen_features(encoder, beats, np.arange(len(beats)))
    assert module_hash(encoder) == before
    assert features.shape == (len(beats), min(len(beats), 160, 3 * sum(encoder.layer_dims)))
    normalise = start.preprocessing.normalise

    def read(windows_mv):
        parts = []
        for layer in encoder.layer_maps(normalise(torch.from_numpy(windows_mv))):
            moment_s = (np.arange(layer.shape[-1]) + 0.5) / layer.shape[-1] * 1.28 - 0.64
            own = (moment_s >= -0.3) & (moment_s <= 0.45)
            parts.append(layer[..., torch.from_numpy(own)].mean(dim=-1))
        return torch.cat(parts, dim=1).detach().numpy()

    own, usual = read(beats.windows_mv(np.arange(len(beats)))), read(beats.usual_mv)[beats.record]
    described = np.concatenate([own, own - usual, np.abs(own - usual)], axis=1)
    scaled = (described - described.mean(axis=0)) / np.maximum(described.std(axis=0), 1e-6)
    distances = ((scaled[:20, None] - scaled[None, :20]) ** 2).sum(axis=-1)
    found = ((features[:20, None] - features[None, :20]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(found, distances, rtol=0.02, atol=0.5)


def test_shapes_are_those_of_each_beat_beside_its_own_records_usual_one(beats):
    found = shape_features(beats)
    rows = np.array([3, len(beats) - 2])
    pairs = beats.two_leads(beats.windows_mv(rows), beats.record[rows])
    usual = beats.two_leads(beats.usual_mv, np.arange(3))[beats.record[rows]]
    np.testing.assert_allclose(found[rows], beat_shapes(pairs, usual, 100.0), atol=1e-5)
