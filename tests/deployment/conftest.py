"""Small checkpoints, and a server that speaks as much of the Hub's protocol as a model needs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch

from ssrl_ecg.metrics.conformal import LabelConditional
from ssrl_ecg.metrics.platt import Recalibrated
from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig
from ssrl_ecg.predict.outliers import Arrangement, Gaussian
from ssrl_ecg.predict.reliability import Reliability
from ssrl_ecg.predict.strangeness import ASPECTS, Strangeness
from ssrl_ecg.signals.character import N_ARRANGEMENT_FACTS, character
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint

PREPROCESSING = Preprocessing(window_s=1.0, highpass_hz=0.5, mean_mv=(0.0,) * 12, sd_mv=(0.2,) * 12)


MEASURED = {
    "classes": ["NORM", "MI"],
    "n_records": 10,
    "n_positive": [10, 4],
    "calibration": {"ece_before": [0.25, 0.125], "ece_after": [0.125, 0.25]},
    "coverage": {"0.9": {"present": [0.9, 0.75], "absent": [None, 1.0], "single": [0.5, 0.25], "both": [0.5, 0.75]}},
    "share_of_sound_above_1": 0.1,
    "faults": {"flat": {"auroc": 1.0, "share_above_1": 0.5, "forms": {"one lead flat": 0.75, "every lead flat": 1.0}}},
}


def _training(method: str | None, folds: list[int], started_from: object = None) -> dict[str, object]:
    return {
        "settings": {"method": method} if method else {},
        "data": {"root_name": "ptbxl", "n_records": 21837},
        "seen": [{"source": "ptbxl", "root_name": "ptbxl", "folds": folds, "chosen_on": []}],
        "started_from": started_from,
    }


@pytest.fixture
def encoder_checkpoint() -> EncoderCheckpoint:
    torch.manual_seed(0)
    return EncoderCheckpoint(ECGEncoder1DCNN(CNNConfig(width=2)).eval(), PREPROCESSING, _training("SimCLR", [1, 2, 3]))


@pytest.fixture
def classifier_checkpoint(encoder_checkpoint) -> ClassifierCheckpoint:
    encoder = encoder_checkpoint.encoder
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=2)
    provenance = _training(None, [1, 2], encoder_checkpoint.provenance)
    classifier = Classifier(encoder, head).eval()
    return ClassifierCheckpoint(
        classifier, PREPROCESSING, ("NORM", "MI"), "multilabel", "super", (0.3, 0.6), provenance
    )


@pytest.fixture(params=["multilabel", "single"])
def calibrated_checkpoint(classifier_checkpoint, request) -> ClassifierCheckpoint:
    """With an invented calibration, measured on ten test records."""
    facts = character(np.random.default_rng(0).normal(size=(1, 12, 1000)), 100.0)
    width, n_levels = classifier_checkpoint.classifier.encoder.feature_dim, facts.levels.shape[1]
    reliability = Reliability(
        Recalibrated(np.array([0.5, 2.0]), np.array([-1.0, 0.3]), exclusive=request.param == "single"),
        LabelConditional(np.array([[0, 1], [1, 0]]), np.zeros((2, 2))),
        Strangeness(
            Gaussian(np.zeros(width), np.eye(width)),
            Gaussian(np.zeros(n_levels), np.eye(n_levels)),
            Arrangement(("", "reversed"), np.zeros((2, N_ARRANGEMENT_FACTS)), np.zeros(2)),
            np.zeros(len(ASPECTS)),
            np.ones(len(ASPECTS)),
        ),
        {"n_validation": 20, "test": MEASURED},
    )
    return replace(classifier_checkpoint, task=request.param, reliability=reliability.stored())


class StubHub(ThreadingHTTPServer):
    """Repositories in memory: name -> file -> bytes; one commit each, as far as a reader can tell."""

    commit = "c0ffee" + 34 * "0"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StubHandler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _StubHandler(BaseHTTPRequestHandler):
    server: StubHub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def _missing(self, what: str) -> None:
        self._answer(404, b"{}", X_Error_Code=what, X_Error_Message="not found")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, parts = self.server, unquote(urlsplit(self.path).path).strip("/").split("/")
        hub.asked.append("/".join(parts))
        is_api = parts[:2] == ["api", "models"]
        owner = 2 if is_api else 0
        files = hub.repositories.get("/".join(parts[owner : owner + 2]))
        if files is None:
            self._missing("RepoNotFound")
        elif parts[owner + 3] not in ("main", hub.commit):
            self._missing("RevisionNotFound")
        elif is_api:
            name = "/".join(parts[2:4])
            self._json({"id": name, "sha": hub.commit, "siblings": [{"rfilename": file} for file in files]})
        elif parts[4] not in files:
            self._missing("EntryNotFound")
        else:
            content = files[parts[4]]
            self._answer(200, content, X_Repo_Commit=hub.commit, ETag=f'"{hashlib.sha1(content).hexdigest()}"')

    def do_POST(self) -> None:
        hub, body = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        hub.asked.append("/".join(parts))
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            hub.repositories.setdefault(name, {})
            self._json({"url": f"{hub.address}/{name}", "private": asked.get("private")})
        elif parts[4:5] == ["preupload"]:
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for file in json.loads(body)["files"]]  # fmt: skip
            self._json({"files": files})
        elif parts[4:5] == ["commit"]:
            name = "/".join(parts[2:4])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    hub.repositories[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            url = f"{hub.address}/{name}/commit/{hub.commit}"
            self._json({"success": True, "commitUrl": url, "commitOid": hub.commit})
        else:
            self._json({})


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[StubHub]:
    """A Hub of our own in place of the real one, and a cache of its own."""
    constants = pytest.importorskip("huggingface_hub.constants")
    server = StubHub()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
