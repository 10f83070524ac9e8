from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.deployment import export
from ssrl_ecg.deployment.export import FORMATS, contract_path, export_checkpoint
from ssrl_ecg.deployment.graph import LONGEST_FILTER, RecordGraph
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import HEADS, Classifier, CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint, load_checkpoint
from ssrl_ecg.training.windows import over_windows
from ssrl_ecg.weights import packaged_classifier

STATISTICS = {"mean_mv": tuple(np.linspace(-0.1, 0.1, 12)), "sd_mv": tuple(np.linspace(0.1, 0.3, 12))}
PREPROCESSINGS = {
    "plain": Preprocessing(window_s=1.0, normalisation="none"),
    "filtered": Preprocessing(window_s=1.0, highpass_hz=0.5, lowpass_hz=40.0, clip_mv=0.5, **STATISTICS),
    "mains, 250 Hz": Preprocessing(sampling_rate_hz=250, window_s=0.5, mains_hz=50.0, normalisation="record"),
}


def classifier_checkpoint(preprocessing: Preprocessing, head: str = "linear") -> ClassifierCheckpoint:
    torch.manual_seed(0)
    encoder, kind = ECGEncoder1DCNN(CNNConfig(width=4)), HEADS[head]
    made = kind(kind.Config(), feature_dim=16, n_outputs=2)
    return ClassifierCheckpoint(
        Classifier(encoder, made).eval(), preprocessing, ("a", "b"), "multilabel", "toy", (0.3, 0.6)
    )


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_the_graph_is_what_is_done_to_records_elsewhere(name):
    preprocessing = PREPROCESSINGS[name]
    checkpoint = classifier_checkpoint(preprocessing)
    graph = RecordGraph(checkpoint, 333)
    signal_mv = graph.example(4)
    assert signal_mv[0, -1].abs().max() == 0
    with torch.no_grad():
        logits, features = graph(signal_mv)
        torch.testing.assert_close(logits, over_windows(checkpoint.classifier, signal_mv, preprocessing))
        torch.testing.assert_close(features, over_windows(checkpoint.classifier.encoder, signal_mv, preprocessing))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("format_name", "head"),
    [*(("torchscript", head) for head in HEADS), ("onnx", "attention"), ("torch-export", "concat")],
)
def test_heads_and_formats_at_any_batch_size(format_name, head, tmp_path):
    checkpoint, out = classifier_checkpoint(PREPROCESSINGS["filtered"], head), tmp_path / "model"
    contract = export_checkpoint(checkpoint, out, format_name=format_name, n_samples=250)
    run = FORMATS[format_name].open(out.read_bytes())
    graph = RecordGraph(checkpoint, 250)
    assert contract["checked"]["difference"] < 1e-5
    for n_records in (1, 2, 7):
        signal_mv = graph.example(n_records, seed=9)
        with torch.no_grad():
            expected = graph(signal_mv)
        for one, other in zip(run(signal_mv.numpy()), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_contract_says_what_to_feed_and_what_comes_out(tmp_path):
    checkpoint, out = classifier_checkpoint(PREPROCESSINGS["filtered"]), tmp_path / "folder" / "model.torchscript.pt"
    export_checkpoint(checkpoint, out, format_name="torchscript", n_samples=250)
    contract = json.loads(contract_path(out).read_text())
    assert contract["input"]["shape"] == ["batch", 12, 250]
    assert (contract["input"]["unit"], contract["input"]["leads"]) == ("mV", [*LEADS])
    assert [output["name"] for output in contract["outputs"]] == ["logits", "features"]
    assert (contract["classes"], contract["thresholds"]) == (["a", "b"], [0.3, 0.6])
    assert contract["probabilities"] == contract["own_probabilities"] == "sigmoid(logits)"
    assert "calibration" not in contract
    assert contract["inside_the_graph"]["filter"] == {"highpass_hz": 0.5, "lowpass_hz": 40.0, "clip_mv": 0.5}
    assert contract["inside_the_graph"]["windows"]["number"] == 4
    assert Preprocessing.from_dict(contract["preprocessing"]) == checkpoint.preprocessing
    assert contract["file"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()


def probabilities_of(contract, logits):
    """What a reader of the contract makes of a graph's logits."""
    stored = contract["calibration"]
    scaled = np.array(stored["slope"]) * logits + np.array(stored["intercept"])
    if contract["probabilities"] == "sigmoid(slope * logits + intercept)":
        return 1 / (1 + np.exp(-scaled))
    assert contract["probabilities"] == "softmax(slope * logits + intercept)"
    return np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)


def assert_the_file_says_what_predict_says(checkpoint, recording, out, format_name):
    n_samples = recording.signal_mv.shape[1]
    export_checkpoint(checkpoint, out, format_name=format_name, n_samples=n_samples)
    contract = json.loads(contract_path(out).read_text())
    logits = FORMATS[format_name].open(out.read_bytes())(recording.signal_mv[None])[0]
    with torch.no_grad():
        expected = RecordGraph(checkpoint, n_samples)(torch.from_numpy(recording.signal_mv[None]))[0]
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    found = dict(zip(contract["classes"], probabilities_of(contract, logits)[0], strict=True))
    assert found == pytest.approx(Predictor(checkpoint).predict(recording).probabilities, abs=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_logits_and_contract_give_the_probabilities_of_predict(calibrated_checkpoint, tmp_path):
    signal_mv = RecordGraph(calibrated_checkpoint, 250).example(1)[0].numpy()
    recording = SignalFile(signal_mv, 100.0, LEADS)
    assert_the_file_says_what_predict_says(calibrated_checkpoint, recording, tmp_path / "x.pt", "torchscript")


@pytest.mark.slow
def test_the_packaged_classifier_says_the_same_as_onnx(tmp_path):
    labels = np.array([[0, 1, 0, 0, 0]], dtype=np.uint8)
    ecg = simulate(1, generator=np.random.default_rng(0), sampling_rate_hz=100.0, labels=labels)
    recording, checkpoint = SignalFile(ecg.signal_mv[0], 100.0, LEADS), load_checkpoint(packaged_classifier())
    assert_the_file_says_what_predict_says(checkpoint, recording, tmp_path / "x.onnx", "onnx")


@pytest.mark.parametrize("wrong", [1.0001, math.nan])
def test_a_file_that_does_not_say_what_torch_says_is_not_written(wrong, tmp_path, monkeypatch):
    right = FORMATS["torchscript"]

    def open_wrongly(content):
        return lambda signal_mv: [output * np.float32(wrong) for output in right.open(content)(signal_mv)]

    monkeypatch.setitem(export.FORMATS, "torchscript", replace(right, open=open_wrongly))
    checkpoint = classifier_checkpoint(PREPROCESSINGS["plain"], "mlp")
    checkpoint.classifier.head.layers[-1].bias.data.fill_(3.0)
    with pytest.raises(InputError, match=r"would not say what torch says; nothing was written .*expected a difference"):
        export_checkpoint(checkpoint, tmp_path / "x", format_name="torchscript", n_samples=100)
    assert not any(tmp_path.iterdir())


class Unexportable(ECGEncoder1DCNN):
    """Decides by its input's values, which a graph cannot."""

    def _layers(self, signal):
        return super()._layers(signal if signal.sum().item() > 0 else -signal)


def test_a_network_that_a_format_cannot_hold_is_refused_in_one_line(tmp_path):
    checkpoint = EncoderCheckpoint(Unexportable(CNNConfig(width=2)).eval(), PREPROCESSINGS["plain"])
    with pytest.raises(InputError, match=r"^Unexportable cannot be exported as torch-export: Could not guard on data"):
        export_checkpoint(checkpoint, tmp_path / "x", format_name="torch-export", n_samples=100)
    assert not any(tmp_path.iterdir())


def test_records_must_fit_windows_and_filter(tmp_path):
    checkpoint = classifier_checkpoint(PREPROCESSINGS["filtered"])
    with pytest.raises(InputError, match=r"shorter than one window .*found 99 samples"):
        RecordGraph(checkpoint, 99)
    with pytest.raises(InputError, match="too long for a filter in the graph"):
        RecordGraph(checkpoint, LONGEST_FILTER + 1)
    plain = classifier_checkpoint(PREPROCESSINGS["plain"])
    assert RecordGraph(plain, LONGEST_FILTER + 1).filter_matrix is None


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"ONNX files need: pip install 'ssrl-ecg\[onnx\]' \(found no onnxscript\)"):
        export_checkpoint(
            classifier_checkpoint(PREPROCESSINGS["plain"]), tmp_path / "x", format_name="onnx", n_samples=100
        )
