from __future__ import annotations

import json

import pytest
import torch

from ssrl_ecg.deployment.hub import CARD, CONFIG, WEIGHTS
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "encoder.safetensors"
    encoder = ECGEncoder1DCNN(CNNConfig(width=2)).eval()
    save_checkpoint(path, EncoderCheckpoint(encoder, Preprocessing(window_s=1.0, normalisation="record")))
    return path


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_export_writes_the_graph_and_its_contract_beside_the_checkpoint(ssrl_ecg, checkpoint):
    outcome = ssrl_ecg("export", checkpoint, "--format", "torchscript", "--record-s", "2.5")
    assert outcome.code == 0
    graph = checkpoint.with_name("encoder.torchscript.pt")
    assert "batch x 12 x 250 in mV" in outcome.out
    contract = json.loads(graph.with_name(f"{graph.name}.json").read_text())
    assert contract["outputs"] == [{"name": "features", "dtype": "float32", "shape": ["batch", 8]}]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--record-s", "0.5"], "recording is shorter than one window"),
        (["--record-s", "nan"], "not a length (field --record-s"),
        (["--format", "tflite"], "tflite"),
    ],
)
def test_export_refuses_in_one_line_and_writes_nothing(refused, checkpoint, words, reason):
    assert reason in refused("export", checkpoint, *words)
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_share_writes_a_folder_that_export_reads(ssrl_ecg, refused, checkpoint, tmp_path):
    folder = tmp_path / "shared"
    licensed = ("share", checkpoint, "--license-name", "mit")
    assert ssrl_ecg(*licensed, "--folder", folder).out == f"model: {folder}\n"
    assert 'license: "mit"' in (folder / CARD).read_text()
    assert {path.name for path in folder.iterdir()} == {CARD, CONFIG, WEIGHTS}
    assert ssrl_ecg("export", folder, "--format", "torchscript", "--out", tmp_path / "x.pt").code == 0
    assert "say where to" in refused(*licensed)
    assert "say where to" in refused(*licensed, "--folder", tmp_path / "y", "--hub", "a/b")
    assert "not empty" in refused(*licensed, "--folder", folder)
    assert "no such checkpoint" in refused("export", tmp_path / "missing.safetensors")
