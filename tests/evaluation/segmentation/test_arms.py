from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.segmentation.arms import pretrained_arm
from ssrl_ecg.evaluation.segmentation.presets import SCRATCH, SINGLE, benchmark_arms
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.segment import SegmentConfig


def saved(path, leads=LEADS, seen="ptbxl"):
    encoder = ECGEncoder1DCNN(CNNConfig(n_leads=len(leads), width=2))
    numbers = tuple(np.linspace(0.1, 1, len(leads)).tolist())
    fed = Preprocessing(window_s=2.5, leads=leads, mean_mv=numbers, sd_mv=numbers)
    save_checkpoint(path, EncoderCheckpoint(encoder, fed, {"seen": [{"source": seen}]}))
    return encoder


def test_a_pretrained_row_starts_from_those_weights_and_is_fed_the_same(tmp_path):
    encoder = saved(tmp_path / "x")
    arm = pretrained_arm("name", tmp_path / "x", SegmentConfig())
    first, second = arm.build(), arm.build()
    assert module_hash(first.encoder) == module_hash(encoder)
    assert first.encoder is not second.encoder
    assert (arm.preprocessing.window_s, arm.preprocessing.sd_mv[-1]) == (10.0, 1.0)


def test_an_encoder_of_one_lead_takes_every_lead_for_that_one(tmp_path):
    saved(tmp_path / "x", leads=("II",))
    arm = pretrained_arm("name", tmp_path / "x", SegmentConfig())
    assert arm.preprocessing.leads == LEADS
    assert arm.preprocessing.sd_mv == (0.1,) * 12


def test_an_encoder_that_has_seen_ludb_or_some_leads_is_refused(tmp_path):
    saved(tmp_path / "seen", seen="ludb")
    with pytest.raises(InputError, match="has seen LUDB"):
        pretrained_arm("name", tmp_path / "seen", SegmentConfig())
    saved(tmp_path / "two", leads=("I", "II"))
    with pytest.raises(InputError, match="all leads or of one"):
        pretrained_arm("name", tmp_path / "two", SegmentConfig())


def test_the_benchmark_compares_starts_of_one_network(tmp_path):
    saved(tmp_path / "x")
    arms = {arm.name: arm for arm in benchmark_arms({"SimCLR": tmp_path / "x"}, [], (0.1, 1.0))}
    assert {SCRATCH, SINGLE, "random encoder, frozen", "SimCLR, fine-tuned", "SimCLR, frozen"} < set(arms)
    assert arms["SimCLR, frozen"].training.trainable == "decoder"
    assert arms["SimCLR, frozen"].fractions == arms["SimCLR, fine-tuned"].fractions == (0.1, 1.0)
    assert arms[SINGLE].fractions == (1.0,)
    assert arms["simulated marks, fine-tuned"].fractions == (0.0, 0.1, 1.0)
    settings = [str(arm.settings()) for arm in arms.values()]
    assert len(set(settings)) == len(settings)
