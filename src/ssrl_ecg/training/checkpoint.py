"""Checkpoints: safetensors whose header carries everything needed to use the weights, preprocessing first."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path, jsonable
from ssrl_ecg.models import ENCODERS, HEADS
from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing

_FORMAT = 1
_KEY = "ssrl_ecg"
MAX_BYTES = 4 * 2**30
"""Larger files are refused before they are opened."""


@dataclass(frozen=True)
class EncoderCheckpoint:
    """A pretrained encoder, what it must be fed, and where it comes from."""

    encoder: Encoder
    preprocessing: Preprocessing
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassifierCheckpoint:
    """A classifier with the names, task and decision thresholds of its outputs.

    Attributes:
        classifier: encoder and head.
        preprocessing: what the classifier must be fed.
        classes: output names in order.
        task: "multilabel", "binary" or "single".
        label_set: name of the label set it was trained on.
        thresholds: probability per class from validation records; None for single-label tasks.
        provenance: how the weights came about.
    """

    classifier: Classifier
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    task: str
    label_set: str
    thresholds: tuple[float, ...] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def _name_in(table: dict[str, Any], value: object) -> str:
    return next(name for name, kind in table.items() if type(value) is kind)


def _encoder_header(encoder: Encoder) -> dict[str, Any]:
    return {"name": _name_in(ENCODERS, encoder), "config": encoder.config.to_dict()}


def save_checkpoint(path: str | Path, checkpoint: EncoderCheckpoint | ClassifierCheckpoint) -> None:
    """Write weights and header to ``path``, whole or not at all."""
    header: dict[str, Any] = {
        "format": _FORMAT,
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "provenance": checkpoint.provenance,
    }
    module: torch.nn.Module
    if isinstance(checkpoint, EncoderCheckpoint):
        module = checkpoint.encoder
        header |= {"kind": "encoder", "encoder": _encoder_header(checkpoint.encoder)}
    else:
        module = checkpoint.classifier
        head = checkpoint.classifier.head
        header |= {
            "kind": "classifier",
            "encoder": _encoder_header(checkpoint.classifier.encoder),
            "head": {"name": _name_in(HEADS, head), "config": head.config.to_dict(), "n_outputs": head.n_outputs},
            "classes": checkpoint.classes,
            "task": checkpoint.task,
            "label_set": checkpoint.label_set,
            "thresholds": checkpoint.thresholds,
        }
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={_KEY: json.dumps(jsonable(header))})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.is_file():
        raise InputError("no such checkpoint", file=path)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            "checkpoint is too large", file=path, expected=f"at most {MAX_BYTES} bytes", found=path.stat().st_size
        )
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is not a mapping)
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"not a whole safetensors checkpoint: {error}", file=path) from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise InputError(
            "not a checkpoint of this toolkit",
            file=path,
            field=_KEY,
            expected=f"format {_FORMAT}",
            found=header and header.get("format"),
        )
    return header, tensors


def _load_into(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if len(str(error).splitlines()) > 1 else str(error)
        raise InputError(f"the weights do not fit {type(module).__name__}: {detail}", file=path) from error


def _build_encoder(header: dict[str, Any], path: Path) -> Encoder:
    name, config = header["encoder"]["name"], header["encoder"]["config"]
    if name not in ENCODERS:
        raise InputError(
            "unknown encoder in checkpoint", file=path, field="encoder", expected=" | ".join(ENCODERS), found=name
        )
    kind = ENCODERS[name]
    return kind(kind.Config.from_dict(config))


def _load_state_dict_file(path: Path, preprocessing: Preprocessing | None) -> EncoderCheckpoint:
    """A ``.pt`` file of the published form {"encoder": state_dict}; it says nothing of its input, so the caller must."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError("cannot be read as plain tensors", file=path, expected='{"encoder": state_dict}') from error
    if not isinstance(content, dict) or not isinstance(content.get("encoder"), dict):
        raise InputError("not a state dictionary file", file=path, expected='{"encoder": state_dict}')
    encoder = ENCODERS["cnn"](ENCODERS["cnn"].Config())
    _load_into(encoder, content["encoder"], path)
    if preprocessing is None:
        raise InputError("this file carries no preprocessing; convert it to safetensors first", file=path)
    return EncoderCheckpoint(encoder.eval(), preprocessing, {"converted_from": path.name})


def load_encoder(
    path: str | Path, *, expected_encoder: str | None = None, preprocessing: Preprocessing | None = None
) -> EncoderCheckpoint:
    """Read a pretrained encoder, also out of a classifier's checkpoint.

    Args:
        path: safetensors checkpoint, or ``.pt`` of the form {"encoder": state_dict of an ``ECGEncoder1DCNN``}, read without running code.
        expected_encoder: name the encoder must have.
        preprocessing: what to assume for a ``.pt`` file; a safetensors checkpoint carries its own.

    Raises:
        InputError: missing, truncated, foreign or mismatching file.
    """
    path = Path(path)
    if path.suffix == ".pt" and path.is_file():
        return _load_state_dict_file(path, preprocessing)
    header, tensors = _read(path)
    if expected_encoder is not None and header["encoder"]["name"] != expected_encoder:
        raise InputError(
            "checkpoint of another encoder",
            file=path,
            field="encoder",
            expected=expected_encoder,
            found=header["encoder"]["name"],
        )
    encoder = _build_encoder(header, path)
    if header["kind"] == "classifier":
        tensors = {
            name.removeprefix("encoder."): value for name, value in tensors.items() if name.startswith("encoder.")
        }
    _load_into(encoder, tensors, path)
    return EncoderCheckpoint(encoder.eval(), Preprocessing.from_dict(header["preprocessing"]), header["provenance"])


def load_classifier(path: str | Path) -> ClassifierCheckpoint:
    """Read a classifier.

    Raises:
        InputError: missing, truncated or foreign file, or an encoder without a head.
    """
    path = Path(path)
    header, tensors = _read(path)
    if header["kind"] != "classifier":
        raise InputError(
            "this checkpoint holds an encoder without a classification head; train one with finetune or probe",
            file=path,
        )
    name = header["head"]["name"]
    if name not in HEADS:
        raise InputError("unknown head in checkpoint", file=path, field="head", expected=" | ".join(HEADS), found=name)
    encoder = _build_encoder(header, path)
    head = HEADS[name](
        HEADS[name].Config.from_dict(header["head"]["config"]),
        feature_dim=encoder.feature_dim,
        n_outputs=header["head"]["n_outputs"],
    )
    classifier = Classifier(encoder, head)
    _load_into(classifier, tensors, path)
    return ClassifierCheckpoint(
        classifier.eval(),
        Preprocessing.from_dict(header["preprocessing"]),
        tuple(header["classes"]),
        header["task"],
        header["label_set"],
        None if header["thresholds"] is None else tuple(header["thresholds"]),
        header["provenance"],
    )
