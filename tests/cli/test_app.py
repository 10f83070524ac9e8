from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.weights import packaged_classifier


@pytest.fixture
def served(monkeypatch):
    """What the web server was told, in place of serving."""
    told = {}

    def run(app, **how):
        told.update(how, app=app, folder=Path(os.environ["GRADIO_TEMP_DIR"]))
        assert told["folder"].is_dir()

    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # set by the command, and put back afterwards
    monkeypatch.setattr(uvicorn, "run", run)
    return told


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    root = write_synthetic_ptbxl(tmp_path_factory.mktemp("cohort") / "synthetic", 12, seed=1)
    return sorted(root.rglob("*.hea"))[:3]


def test_the_page_is_reached_from_this_machine_only_unless_told_otherwise(ssrl_ecg, served):
    outcome = ssrl_ecg("app")
    assert (outcome.code, outcome.err) == (0, "")
    assert (served["host"], served["port"]) == ("127.0.0.1", 7860)
    assert not served["folder"].exists()
    with TestClient(served["app"], base_url="http://127.0.0.1:7860") as client:
        assert client.get("/config").status_code == 200
        assert client.get("/config", headers={"host": "evil.example"}).status_code == 400
    assert "no authentication" in ssrl_ecg("app", "--host", "0.0.0.0").err


def test_an_index_that_embed_wrote_with_the_same_checkpoint_is_searched(ssrl_ecg, refused, served, headers, tmp_path):
    index, second = tmp_path / "index.npz", tmp_path / "second.safetensors"
    assert ssrl_ecg("embed", *headers, "--out", index).code == 0
    assert ssrl_ecg("app", "--index", index).code == 0
    shutil.copy(packaged_classifier(), second)
    with second.open("r+b") as file:  # the last weight differs
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    assert "another checkpoint than second.safetensors" in refused("app", "--checkpoint", second, "--index", index)
    assert ssrl_ecg("app", "--compare", second).code == 0
    assert "different names" in refused("app", "--compare", second, second)


def test_what_cannot_be_served_is_refused_in_one_line(refused, tmp_path, monkeypatch):
    assert "no such port" in refused("app", "--port", "70000")
    assert "file is missing" in refused("app", "--index", tmp_path / "none.npz")
    assert "limit out of range" in refused("app", "--longest-s", "0")
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "pip install 'ssrl-ecg[app]'" in refused("app")
