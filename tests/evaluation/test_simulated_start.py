from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ssrl_ecg.evaluation.simulated_start import SimulatedStart, simulated_encoder
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.pretrain import PretrainConfig

START = SimulatedStart(n_records=24, pretrain=PretrainConfig(epochs=1, batch_size=12))
FED = Preprocessing(window_s=2.5, mean_mv=(9.0,) * 12, sd_mv=(9.0,) * 12)


def encoder(start=START, preprocessing=FED):
    return simulated_encoder(start, lambda: ECGEncoder1DCNN(CNNConfig(width=2)), preprocessing, progress=False)


def weights(trained):
    return torch.cat([parameter.flatten() for parameter in trained.parameters()])


@pytest.fixture(scope="module")
def first():
    return weights(encoder())


def test_equal_starts_give_equal_encoders_whatever_scale_the_recordings_have(first):
    other_scale = replace(FED, mean_mv=(0.0,) * 12, sd_mv=(1.0,) * 12)
    assert torch.equal(first, weights(encoder(preprocessing=other_scale)))


@pytest.mark.parametrize(
    "changed",
    [replace(START, cohort_seed=1), replace(START, pretrain=replace(START.pretrain, seed=1))],
    ids=["cohort", "training"],
)
def test_another_cohort_or_seed_gives_another_encoder_and_says_so(first, changed):
    assert not torch.equal(first, weights(encoder(changed)))
    assert changed.settings() != START.settings()
