from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.attribution import sample_logits, stretch_logits, strongest
from ssrl_ecg.predict.preparation import Preparation, Prepared
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, load_classifier
from ssrl_ecg.weights import packaged_classifier

SHARE = 0.05
"""Of the stretches that are deleted."""


class Linear(nn.Module):
    """A logit per row of weights (class, lead, time)."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.einsum("blt,clt->bc", signal, self.weights)


@pytest.fixture(scope="module")
def packaged() -> ClassifierCheckpoint:
    return load_classifier(packaged_classifier())


@pytest.fixture(scope="module")
def recordings() -> list[Prepared]:
    ecg = simulate(6, generator=np.random.default_rng(1), sampling_rate_hz=100.0)
    return [Prepared(signal_mv, ()) for signal_mv in ecg.signal_mv]


def logits_of(checkpoint, recording: Prepared) -> np.ndarray:
    return Preparation(checkpoint.preprocessing).apply(checkpoint.classifier, [recording])[0]


def test_worth_in_a_linear_network_is_weight_times_distance_from_the_mean():
    """Two windows of 1 s overlap by half a second, in one of two leads that are read in another order."""
    mean_mv, sd_mv = (0.5, -0.2), (2.0, 0.5)
    preprocessing = Preprocessing(
        sampling_rate_hz=100.0, window_s=1.0, leads=("V2", "I"), mean_mv=mean_mv, sd_mv=sd_mv, normalisation="dataset"
    )
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((2, 2, 100)).astype(np.float32)
    signal_mv = rng.standard_normal((12, 150)).astype(np.float32)
    checkpoint = ClassifierCheckpoint(Linear(torch.from_numpy(weights)), preprocessing, ("A", "B"), "multilabel", "toy")
    worth = sample_logits(checkpoint, Prepared(signal_mv, ()), "B", n_steps=1)

    expected = np.zeros((12, 150))
    for row, lead in enumerate(("V2", "I")):
        place = LEADS.index(lead)
        for start in (0, 50):
            for t in range(100):
                x = (signal_mv[place, start + t] - mean_mv[row]) / sd_mv[row]
                expected[place, start + t] += weights[1, row, t] * x / 2
    np.testing.assert_allclose(worth, expected, atol=1e-5)


def test_worths_add_up_to_the_logit_above_that_of_the_baseline(packaged, recordings):
    with torch.no_grad():
        window = packaged.preprocessing.window_samples
        baseline = packaged.classifier(torch.zeros(1, 12, window))[0].numpy()
    total = sample_logits(packaged, recordings[0], "MI", n_steps=32).sum()
    assert total == pytest.approx(logits_of(packaged, recordings[0])[1] - baseline[1], abs=0.05)


def test_deleting_the_stretches_that_speak_for_a_class_lowers_its_logit_more_than_deleting_others(packaged, recordings):
    mean_mv = np.array(packaged.preprocessing.mean_mv, np.float32)[:, None]
    rng, top, random = np.random.default_rng(0), [], []
    for number, recording in enumerate(recordings):
        column = number % len(packaged.classes)
        before = logits_of(packaged, recording)[column]
        logits = stretch_logits(sample_logits(packaged, recording, packaged.classes[column]), 100.0)
        n_deleted = round(SHARE * logits.size)

        def drop(places, logits=logits, recording=recording, column=column, before=before):
            deleted = np.isin(np.arange(logits.size), places).reshape(logits.shape).repeat(10, axis=1)
            spoiled = Prepared(np.where(deleted, mean_mv, recording.signal_mv), ())
            return before - logits_of(packaged, spoiled)[column]

        top.append(drop(np.argsort(-logits, axis=None)[:n_deleted]))
        random.append(np.mean([drop(rng.permutation(logits.size)[:n_deleted]) for _ in range(3)]))
    assert np.mean(top) > np.mean(random) + 0.5
    assert sum(a > b for a, b in zip(top, random, strict=True)) >= 5


def test_randomised_weights_change_the_map(packaged, recordings):
    """A map that survives this shows the recording, not the network (Adebayo et al. 2018, sanity checks)."""
    classifier = load_classifier(packaged_classifier()).classifier
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in classifier.encoder.parameters():
            if weight.ndim > 1:
                weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    random = replace(packaged, classifier=classifier)
    for recording in recordings[:2]:
        maps = [stretch_logits(sample_logits(one, recording, "MI"), 100.0).ravel() for one in (packaged, random)]
        ranks = [np.abs(one).argsort().argsort() for one in maps]
        assert abs(np.corrcoef(maps)[0, 1]) < 0.3
        assert np.corrcoef(ranks)[0, 1] < 0.8


def test_stretches_are_sums_and_the_strongest_are_named():
    worth = np.zeros((12, 25), np.float32)
    worth[1, 10:20], worth[8, 20:25] = -0.3, 0.2
    np.testing.assert_allclose(stretch_logits(worth, 100.0)[1], [0, -3, 0], atol=1e-6)
    first, second = strongest(worth, 100.0, 5)
    assert (first.lead, first.start_s, first.stop_s) == ("II", 0.1, 0.2)
    assert (second.lead, second.start_s, second.stop_s) == ("V3", 0.2, 0.25)
    assert (first.logits, second.logits) == (pytest.approx(-3), pytest.approx(1))


def test_a_class_that_is_not_there_is_refused(packaged, recordings):
    with pytest.raises(InputError, match="no such class"):
        sample_logits(packaged, recordings[0], "LBBB")
