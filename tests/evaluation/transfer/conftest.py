"""A small MIT-BIH: 40 s per record, with premature (S), wide premature (V) and usual beats that look what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import wfdb

from ssrl_ecg.models import ENCODERS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint

RATE_HZ, DURATION_S = 360, 40
TRAIN, TEST = ("101", "106", "108", "201"), ("100", "103", "202")


def _write_record(folder, name, *, leads=("MLII", "V1"), seed=0, flat=(), last_mark=None, kinds="NSV"):
    rng = np.random.default_rng(seed)
    times, symbols, now = [], [], 0.0
    while now < DURATION_S - 1.5:
        symbol = str(rng.choice(list(kinds), p=np.array([0.7, *[0.3 / (len(kinds) - 1)] * (len(kinds) - 1)])))
        now += 0.8 if symbol == "N" else 0.5
        times.append(now)
        symbols.append({"S": "A"}.get(symbol, symbol))
    time_s = np.arange(DURATION_S * RATE_HZ) / RATE_HZ
    signal = 0.01 * rng.standard_normal((len(time_s), 2))
    for at, symbol in zip(times, symbols, strict=True):
        width_s = 0.05 if symbol == "V" else 0.015
        signal += np.exp(-0.5 * ((time_s - at) / width_s) ** 2)[:, None] * [1.0, -0.7]
    signal[:, list(flat)] = 0.0
    wfdb.wrsamp(name, RATE_HZ, ["mV"] * 2, list(leads), signal, fmt=["16"] * 2, write_dir=str(folder))
    samples = np.round(np.array(times) * RATE_HZ).astype(int)
    if last_mark is not None:
        samples, symbols = np.append(samples, last_mark), [*symbols, "N"]
    wfdb.wrann(name, "atr", samples, symbols, write_dir=str(folder))
    return np.array(times), symbols, signal


@pytest.fixture(scope="session")
def mitbih(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mitdb")
    for seed, name in enumerate((*TRAIN, *TEST)):
        leads = ("V5", "MLII") if name == "106" else ("MLII", "V1")
        _write_record(folder, name, leads=leads, seed=seed)
    return folder


@pytest.fixture
def write_record():
    return _write_record


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory):
    torch.manual_seed(0)
    kind = ENCODERS["resnet18"]
    preprocessing = Preprocessing(window_s=1.28, highpass_hz=0.5, mean_mv=(0.0,) * 12, sd_mv=(0.2,) * 12)
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    save_checkpoint(path, EncoderCheckpoint(kind(kind.Config(width=4)), preprocessing))
    return path
