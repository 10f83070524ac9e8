from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint
from ssrl_ecg.training.start import load_start

CONFIG = CNNConfig(width=2)
FED = Preprocessing(window_s=2.5, mean_mv=(0.0,) * 12, sd_mv=(1.0,) * 12)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(3)
    encoder = ECGEncoder1DCNN(CONFIG)
    save_checkpoint(tmp_path / "start.safetensors", EncoderCheckpoint(encoder, FED, {"seen": []}))
    return encoder, tmp_path / "start.safetensors"


def test_weights_are_the_checkpoints_whatever_scale_they_were_fitted_to(saved):
    encoder, path = saved
    start = load_start(path, "cnn", CONFIG, replace(FED, mean_mv=(0.5,) * 12, sd_mv=(2.0,) * 12))
    assert start.provenance == {"seen": []}
    for name, value in encoder.state_dict().items():
        assert torch.equal(start.encoder.state_dict()[name], value)


@pytest.mark.parametrize(
    ("encoder", "config", "changes", "named"),
    [
        ("resnet18", CONFIG, {}, "encoder: "),
        ("cnn", CNNConfig(width=4), {}, "width"),
        ("cnn", CONFIG, {"window_s": 5.0}, "window_s"),
        ("cnn", CONFIG, {"highpass_hz": 0.5}, "highpass_hz"),
        ("cnn", CONFIG, {"sampling_rate_hz": 500.0}, "sampling_rate_hz"),
        ("cnn", CONFIG, {"normalisation": "record", "mean_mv": None, "sd_mv": None}, "normalisation"),
    ],
)
def test_another_encoder_or_input_is_refused_by_its_name(saved, encoder, config, changes, named):
    with pytest.raises(InputError) as refused:
        load_start(saved[1], encoder, config, replace(FED, **changes))
    assert named.rstrip(": ") in str(refused.value)
    assert "start.safetensors" in str(refused.value)
