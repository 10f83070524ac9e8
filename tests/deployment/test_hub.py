from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

import ssrl_ecg
from ssrl_ecg.cli.pretrained import PretrainedOptions
from ssrl_ecg.deployment.hub import (
    CARD,
    CONFIG,
    WEIGHTS,
    checkpoint_file,
    from_pretrained,
    load,
    push_to_hub,
    save_pretrained,
)
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint, save_checkpoint

LICENCE = "cc-by-4.0"


def assert_same(one, other):
    assert type(one) is type(other)
    assert (one.preprocessing, one.provenance) == (other.preprocessing, other.provenance)
    networks = [c.classifier if isinstance(c, ClassifierCheckpoint) else c.encoder for c in (one, other)]
    states = [network.state_dict() for network in networks]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_folder_holds_the_three_files_and_gives_back_what_was_put_in(
    classifier_checkpoint, encoder_checkpoint, tmp_path
):
    for name, checkpoint in (("classifier", classifier_checkpoint), ("encoder", encoder_checkpoint)):
        folder = save_pretrained(checkpoint, tmp_path / name, license_name=LICENCE)
        assert {path.name for path in folder.iterdir()} == {CONFIG, WEIGHTS, CARD}
        assert_same(from_pretrained(folder), checkpoint)
        config = json.loads((folder / CONFIG).read_text())
        assert (config["library_name"], config["library_version"]) == ("ssrl-ecg", ssrl_ecg.__version__)
        assert (config["kind"], config["encoder"]["name"]) == (name, "cnn")
    assert {path.name for path in tmp_path.iterdir()} == {"classifier", "encoder"}


def test_a_folder_with_something_in_it_is_left_alone(encoder_checkpoint, tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(InputError, match="not empty"):
        save_pretrained(encoder_checkpoint, tmp_path, license_name=LICENCE)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_load_takes_a_file_a_folder_or_a_name(classifier_checkpoint, hub, tmp_path):
    save_checkpoint(tmp_path / "x.safetensors", classifier_checkpoint)
    push_to_hub(classifier_checkpoint, "clinic/model", license_name=LICENCE)
    folder = save_pretrained(classifier_checkpoint, tmp_path / "folder", license_name=LICENCE)
    for name in (tmp_path / "x.safetensors", str(folder), "clinic/model", f"clinic/model@{hub.commit}"):
        assert_same(ssrl_ecg.load(name), classifier_checkpoint)


def test_commands_take_a_name_as_they_take_a_file(encoder_checkpoint, hub, tmp_path):
    push_to_hub(encoder_checkpoint, "clinic/encoder", license_name=LICENCE)
    file = checkpoint_file("clinic/encoder")
    assert file.read_bytes() == hub.repositories["clinic/encoder"]["model.safetensors"]
    assert_same(PretrainedOptions(checkpoint=Path("clinic/encoder")).load(), encoder_checkpoint)
    folder = save_pretrained(encoder_checkpoint, tmp_path / "folder", license_name=LICENCE)
    assert checkpoint_file(folder) == folder / "model.safetensors"
    with pytest.raises(InputError, match="no such checkpoint"):
        PretrainedOptions(checkpoint=tmp_path / "missing").load()


def test_what_is_pushed_is_what_a_folder_holds(encoder_checkpoint, hub, tmp_path):
    address = push_to_hub(
        encoder_checkpoint,
        "clinic/encoder",
        license_name=LICENCE,
        private=False,
        sections={"Results": "See the paper."},
    )
    assert address == f"{hub.address}/clinic/encoder/commit/{hub.commit}"
    folder = save_pretrained(
        encoder_checkpoint, tmp_path / "folder", license_name=LICENCE, sections={"Results": "See the paper."}
    )
    assert hub.repositories["clinic/encoder"] == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_config_and_weights_are_downloaded_and_only_once(encoder_checkpoint, hub):
    push_to_hub(encoder_checkpoint, "clinic/encoder", license_name=LICENCE)
    hub.repositories["clinic/encoder"]["evil.bin"] = b"?"
    first = from_pretrained("clinic/encoder")
    asked = {name.rsplit("/", 1)[-1] for name in hub.asked if "/resolve/" in name}
    assert asked == {CONFIG, WEIGHTS}
    hub.asked.clear()
    assert_same(from_pretrained("clinic/encoder", offline=True), first)
    assert not hub.asked
    assert isinstance(first, EncoderCheckpoint)


def test_what_the_hub_refuses_is_one_line(encoder_checkpoint, hub, tmp_path):
    with pytest.raises(InputError, match=r"^nobody/nothing: no such model on the Hub, or not for this user$"):
        load("nobody/nothing")
    push_to_hub(encoder_checkpoint, "clinic/encoder", license_name=LICENCE)
    with pytest.raises(InputError, match="no such revision"):
        load("clinic/encoder@v9")
    del hub.repositories["clinic/encoder"][WEIGHTS]
    with pytest.raises(InputError, match="not a model of this toolkit"):
        from_pretrained("clinic/encoder", cache_dir=tmp_path / "elsewhere")
    with pytest.raises(
        InputError, match=r"^other/model: the Hub cannot be reached, and the model is not in the cache$"
    ):
        from_pretrained("other/model", offline=True)


def test_what_is_neither_there_nor_a_name_is_no_download(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name in ("runs/encoder", "models/encoder.safetensors", "encoder", "a/b/c", "../x/y", "https://host/a", "a/b@"):
        with pytest.raises(InputError, match="no such checkpoint"):
            load(name)
    assert not hub.asked


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"models on the Hub need: pip install 'ssrl-ecg\[hub\]'"):
        load("clinic/encoder")
