from __future__ import annotations

import sys

import pytest
import torch
import uvicorn
from fastapi.testclient import TestClient

from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint


@pytest.fixture
def encoder_file(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "encoder.safetensors"
    encoder = ECGEncoder1DCNN(CNNConfig(width=2)).eval()
    save_checkpoint(path, EncoderCheckpoint(encoder, Preprocessing(window_s=1.0, normalisation="record")))
    return path


@pytest.fixture
def served(monkeypatch):
    """What the web server was told, in place of serving."""
    told = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **how: told.update(how, app=app))
    return told


def test_the_service_is_reached_from_this_machine_only_unless_told_otherwise(ssrl_ecg, encoder_file, served):
    outcome = ssrl_ecg("serve", "--checkpoint", encoder_file)
    assert (outcome.code, outcome.err) == (0, "")
    assert (served["host"], served["port"]) == ("127.0.0.1", 8000)
    with TestClient(served["app"], base_url="http://127.0.0.1:8000") as client:
        assert client.get("/health").json()["encoder"] == "ECGEncoder1DCNN"
        assert client.get("/health", headers={"host": "evil.example"}).status_code == 400

    outcome = ssrl_ecg("serve", "--checkpoint", encoder_file, "--host", "0.0.0.0", "--port", "0")
    assert "warning: everybody who reaches 0.0.0.0 may ask" in outcome.err
    with TestClient(served["app"], base_url="http://clinic.example") as client:
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--port", "70000"], "no such port"),
        (["--timeout-s", "0"], "limit out of range (field timeout_s"),
        (["--longest-s", "0"], "limit out of range (field longest_s"),
        (["--checkpoint", "missing.safetensors"], "no such checkpoint"),
    ],
)
def test_what_cannot_be_served_is_refused(refused, encoder_file, served, words, reason):
    assert reason in refused("serve", "--checkpoint", encoder_file, *words)
    assert not served


def test_the_missing_extra_is_named(refused, encoder_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "services need: pip install 'ssrl-ecg[serve]'" in refused("serve", "--checkpoint", encoder_file)
