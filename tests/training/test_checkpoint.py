from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS, HEADS, Classifier, CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training import checkpoint as checkpoint_module
from ssrl_ecg.training.checkpoint import (
    ClassifierCheckpoint,
    EncoderCheckpoint,
    SegmenterCheckpoint,
    load_classifier,
    load_encoder,
    load_segmenter,
    save_checkpoint,
)
from ssrl_ecg.training.embed import module_hash

FED = Preprocessing(
    window_s=2.5,
    highpass_hz=0.5,
    mains_hz=50.0,
    mean_mv=tuple(0.1 * k / 3 for k in range(12)),
    sd_mv=tuple(1 / (k + 3) for k in range(12)),
)
PROVENANCE = {"method": "simclr", "seed": 3, "note": "ä"}


def make_encoder(name="cnn", width=2):
    torch.manual_seed(0)
    encoder = ENCODERS[name](ENCODERS[name].Config(width=width))
    for value in encoder.buffers():  # running statistics as after a training
        value.copy_(torch.rand_like(value, dtype=torch.float32) + 1)
    return encoder


def make_classifier(head="linear", encoder="cnn"):
    body = make_encoder(encoder)
    return Classifier(body, HEADS[head](HEADS[head].Config(), feature_dim=body.feature_dim, n_outputs=2))


def saved_encoder(path, **changes):
    save_checkpoint(path, replace(EncoderCheckpoint(make_encoder(), FED, PROVENANCE), **changes))
    return path


def saved_classifier(path, classifier=None, **changes):
    whole = ClassifierCheckpoint(classifier or make_classifier(), FED, ("a", "b"), "multilabel", "both", (0.25, 0.7))
    save_checkpoint(path, replace(whole, **changes))
    return path


def rewritten(path, change_header=lambda header: None, change_tensors=lambda tensors: None):
    """The same checkpoint with a header or tensors that somebody edited."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["ssrl_ecg"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = change_header(header) or header
    change_tensors(tensors)
    save_file(tensors, path, metadata={"ssrl_ecg": json.dumps(header)})
    return path


def refused(load, path, match, **arguments):
    with pytest.raises(InputError, match=match) as caught:
        load(path, **arguments)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_comes_back_as_it_was(name, tmp_path):
    encoder = make_encoder(name, width=24)  # every number of attention heads divides it
    loaded = load_encoder(
        saved_encoder(tmp_path / "new" / "encoder.safetensors", encoder=encoder), expected_encoder=name
    )
    assert type(loaded.encoder) is type(encoder)
    assert loaded.encoder.config == encoder.config
    assert module_hash(loaded.encoder) == module_hash(encoder)
    assert not loaded.encoder.training
    assert loaded.preprocessing == FED
    assert loaded.provenance == PROVENANCE
    assert os.listdir(tmp_path / "new") == ["encoder.safetensors"]


@pytest.mark.parametrize("head", HEADS)
def test_a_classifier_comes_back_as_it_was(head, tmp_path):
    classifier = make_classifier(head)
    loaded = load_classifier(saved_classifier(tmp_path / "c", classifier))
    assert type(loaded.classifier.head) is HEADS[head]
    assert module_hash(loaded.classifier) == module_hash(classifier)
    assert not loaded.classifier.training
    assert loaded.preprocessing == FED
    assert (loaded.classes, loaded.task, loaded.label_set) == (("a", "b"), "multilabel", "both")
    assert loaded.thresholds == (0.25, 0.7)
    assert load_classifier(saved_classifier(tmp_path / "s", task="single", thresholds=None)).thresholds is None


def test_a_classifiers_encoder_is_an_encoder(tmp_path):
    classifier = make_classifier("mlp", "resnet18")
    loaded = load_encoder(saved_classifier(tmp_path / "c", classifier))
    assert module_hash(loaded.encoder) == module_hash(classifier.encoder)
    refused(load_encoder, tmp_path / "c", "another encoder.*expected cnn, found resnet18", expected_encoder="cnn")


def test_an_encoder_is_no_classifier(tmp_path):
    refused(load_classifier, saved_encoder(tmp_path / "e"), "without a head")


def test_loading_draws_nothing(tmp_path):
    path = saved_classifier(tmp_path / "c")
    before = torch.random.get_rng_state()
    load_classifier(path)
    load_encoder(path)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("load", [load_encoder, load_classifier])
@pytest.mark.parametrize("size", [0, 4, 9, 200, -1])
def test_a_truncated_file_is_refused(load, size, tmp_path):
    path = saved_classifier(tmp_path / "c.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:size])
    refused(load, path, "not a whole safetensors checkpoint")


@pytest.mark.parametrize("load", [load_encoder, load_classifier])
def test_random_bytes_are_refused(load, tmp_path):
    path = tmp_path / "c.safetensors"
    for seed in range(20):
        path.write_bytes(torch.randint(0, 256, (300,), generator=torch.Generator().manual_seed(seed)).byte().numpy())
        refused(load, path, "not a whole safetensors checkpoint")


@pytest.mark.parametrize("load", [load_encoder, load_classifier])
def test_no_file_and_a_folder_are_refused(load, tmp_path):
    refused(load, tmp_path / "nowhere", "no such checkpoint")
    refused(load, tmp_path, "no such checkpoint")


def test_a_file_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    refused(load_encoder, path, "not a checkpoint of this toolkit")
    rewritten(saved_encoder(path), lambda header: header.update(format=2))
    refused(load_encoder, path, "expected format 1, found 2")
    rewritten(saved_encoder(path), lambda header: [1, 2])
    refused(load_encoder, path, "not a checkpoint of this toolkit")


def test_reading_a_classifier_does_not_load_torch_s_compiler():
    """It would take longer than all the rest of predicting one file."""
    code = (
        "import sys; from ssrl_ecg.training.checkpoint import load_classifier; from ssrl_ecg.weights import "
        "packaged_classifier; load_classifier(packaged_classifier()); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_huge_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_module, "MAX_BYTES", 100)
    refused(load_encoder, saved_encoder(tmp_path / "e"), "too large")


@pytest.mark.parametrize("key", ["encoder", "preprocessing", "kind", "provenance"])
@pytest.mark.parametrize("value", ["gone", None, 3, "text", []])
def test_a_tampered_header_is_one_line(key, value, tmp_path):
    def change(header):
        if value == "gone":
            del header[key]
        else:
            header[key] = value

    refused(load_encoder, rewritten(saved_encoder(tmp_path / "e"), change), "damaged|unknown kind|not a table")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda h: h["encoder"].update(name="transformer"), "unknown encoder.*cnn | resnet18"),
        (lambda h: h["encoder"]["config"].update(width=3), "do not fit ECGEncoder1DCNN"),
        (lambda h: h["encoder"]["config"].update(width=10**7), "do not fit|damaged"),
        (lambda h: h["encoder"]["config"].update(depth=3), "depth"),
        (lambda h: h["encoder"]["config"].update(width="wide"), "width"),
        (lambda h: h["preprocessing"].update(sampling_rate_hz=-1), "sampling_rate_hz"),
        (lambda h: h["preprocessing"].update(evil=1), "evil"),
        (lambda h: h["preprocessing"].update(leads=LEADS[:2], mean_mv=[0, 0], sd_mv=[1, 1]), "differ in leads"),
    ],
)
def test_a_wrong_header_is_told_apart(change, match, tmp_path):
    refused(load_encoder, rewritten(saved_encoder(tmp_path / "e"), change), match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda h: h["head"].update(name="tail"), "unknown head"),
        (lambda h: h["head"].update(n_outputs=3), "do not fit Classifier"),
        (lambda h: h["head"].update(n_outputs=10**12), "do not fit|damaged"),
        (lambda h: h.update(classes=["a"]), "class names"),
        (lambda h: h.update(classes=["a", 1]), "class names"),
        (lambda h: h.update(classes=None), "damaged"),
        (lambda h: h.update(task="regression"), "unknown task"),
        (lambda h: h.update(thresholds=[0.5]), "threshold"),
        (lambda h: h.update(thresholds=["x", "y"]), "damaged"),
        (lambda h: h.pop("label_set"), "damaged"),
    ],
)
def test_a_wrong_classifier_header_is_told_apart(change, match, tmp_path):
    path = saved_classifier(tmp_path / "c")

    def changed(header):
        change(header)

    refused(load_classifier, rewritten(path, changed), match)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("stages.0.weight"),
        lambda tensors: tensors.update(extra=torch.zeros(1)),
        lambda tensors: tensors.update({"stages.0.weight": torch.zeros(2, 12, 7)}),
    ],
)
def test_weights_that_do_not_fit_are_named(change, tmp_path):
    path = rewritten(saved_encoder(tmp_path / "e"), change_tensors=change)
    refused(load_encoder, path, r"do not fit ECGEncoder1DCNN \(field (stages\.0\.weight|extra)")


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = saved_encoder(tmp_path / "e")
    before = path.read_bytes()

    def write_half(tensors, target, metadata):
        target.write_bytes(before[:100])
        raise error

    monkeypatch.setattr(checkpoint_module, "save_file", write_half)
    error: BaseException = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        saved_encoder(path)
    error = OSError(28, "No space left on device")
    with pytest.raises(InputError, match="No space left on device"):
        saved_encoder(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["e"]


class Opens:
    """What a hostile pickle does when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_published_state_dict_is_read(legacy, tmp_path):
    encoder = ECGEncoder1DCNN(CNNConfig())
    path = tmp_path / "encoder.pt"
    torch.save({"encoder": encoder.state_dict()}, path, _use_new_zipfile_serialization=not legacy)
    loaded = load_encoder(path, preprocessing=FED, expected_encoder="cnn")
    assert module_hash(loaded.encoder) == module_hash(encoder)
    assert loaded.preprocessing == FED
    assert loaded.provenance == {"converted_from": "encoder.pt"}
    refused(load_encoder, path, "no preprocessing")
    refused(load_encoder, path, "another encoder", preprocessing=FED, expected_encoder="resnet18")
    refused(load_classifier, path, "not a whole safetensors checkpoint")


def test_the_name_of_a_file_says_nothing_of_its_form(tmp_path):
    path = saved_encoder(tmp_path / "encoder.pt")
    assert load_encoder(path).preprocessing == FED
    torch.save({"encoder": ECGEncoder1DCNN(CNNConfig()).state_dict()}, tmp_path / "encoder.safetensors")
    assert load_encoder(tmp_path / "encoder.safetensors", preprocessing=FED).encoder.feature_dim == 256


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_code_in_a_pickle_is_never_run(write, tmp_path):
    path, trace = tmp_path / "encoder.pt", tmp_path / "trace"
    write({"encoder": Opens(trace)}, path)
    refused(load_encoder, path, "cannot be read as plain tensors", preprocessing=FED)
    assert not trace.exists()


@pytest.mark.parametrize("content", [{"encoder": 3}, {"weights": {}}, [1], {"encoder": {"a": 1}}])
def test_another_content_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "encoder.pt")
    refused(load_encoder, tmp_path / "encoder.pt", "not a state dictionary file", preprocessing=FED)


def test_a_state_dict_of_another_encoder_is_refused(tmp_path):
    torch.save({"encoder": make_encoder("resnet18").state_dict()}, tmp_path / "encoder.pt")
    refused(load_encoder, tmp_path / "encoder.pt", "do not fit ECGEncoder1DCNN", preprocessing=FED)


@pytest.mark.parametrize("n_leads", [1, 12])
def test_a_segmenter_comes_back_as_it_was(n_leads, tmp_path):
    torch.manual_seed(0)
    unet = UNet(ECGEncoder1DCNN(CNNConfig(n_leads=n_leads, width=2)), UNetConfig(width=3, lead_width=2, kernel=5))
    path = tmp_path / "waves.safetensors"
    save_checkpoint(path, SegmenterCheckpoint(unet, FED, PROVENANCE))
    loaded = load_segmenter(path)
    assert (loaded.preprocessing, loaded.provenance, loaded.unet.config) == (FED, PROVENANCE, unet.config)
    assert module_hash(loaded.unet) == module_hash(unet)
    assert not loaded.unet.training


def test_a_segmenters_encoder_is_an_encoder_and_an_encoder_no_segmenter(tmp_path):
    unet = UNet(make_encoder(), UNetConfig(width=2))
    save_checkpoint(tmp_path / "waves", SegmenterCheckpoint(unet, FED))
    assert module_hash(load_encoder(tmp_path / "waves").encoder) == module_hash(unet.encoder)
    save_checkpoint(tmp_path / "encoder", EncoderCheckpoint(make_encoder(), FED))
    with pytest.raises(InputError, match=r"does not segment waves.*expected segmenter, found encoder"):
        load_segmenter(tmp_path / "encoder")


def test_a_segmenter_of_other_leads_than_its_preprocessing_is_refused(tmp_path):
    unet = UNet(ECGEncoder1DCNN(CNNConfig(n_leads=3, width=2)), UNetConfig(width=2))
    save_checkpoint(tmp_path / "waves", SegmenterCheckpoint(unet, FED))
    with pytest.raises(InputError, match=r"differ in leads.*3.*12"):
        load_segmenter(tmp_path / "waves")
