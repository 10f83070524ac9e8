"""Checkpoints: safetensors whose header carries everything needed to use the weights, preprocessing first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ssrl_ecg.data.labels import Task
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path, jsonable
from ssrl_ecg.models import ENCODERS, HEADS
from ssrl_ecg.models.classifier import Classifier, head_input_dim
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.filling import filled
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing

_FORMAT = 1
_KEY = "ssrl_ecg"
_KINDS = ("encoder", "classifier", "segmenter")
_RELIABILITY = "reliability."
MAX_BYTES = 4 * 2**30
"""Larger files are refused before they are opened."""


@dataclass(frozen=True)
class EncoderCheckpoint:
    """A pretrained encoder, what it must be fed, and where it comes from."""

    encoder: Encoder
    preprocessing: Preprocessing
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StoredReliability:
    """What calibration found out about a classifier, as it is kept beside the weights; ``ssrl_ecg.predict`` reads it.

    Attributes:
        arrays: name -> numbers.
        facts: everything else, as JSON holds it.
    """

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


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
        reliability: what calibration left here; None before it.
    """

    classifier: Classifier
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    task: str
    label_set: str
    thresholds: tuple[float, ...] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    reliability: StoredReliability | None = None


@dataclass(frozen=True)
class SegmenterCheckpoint:
    """A segmenter of P, QRS and T, what it must be fed, and where it comes from.

    The preprocessing names the leads that are segmented, also where the encoder reads each of them by itself.
    """

    unet: UNet
    preprocessing: Preprocessing
    provenance: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    path: str | Path, checkpoint: EncoderCheckpoint | ClassifierCheckpoint | SegmenterCheckpoint
) -> None:
    """Write weights and header to ``path``, whole or not at all.

    Raises:
        InputError: the file system refused; what was at ``path`` is still there.
    """
    header: dict[str, Any] = {
        "format": _FORMAT,
        "preprocessing": checkpoint.preprocessing.to_dict(),
        "provenance": checkpoint.provenance,
    }
    module: nn.Module
    if isinstance(checkpoint, EncoderCheckpoint):
        module = checkpoint.encoder
        header |= {"kind": "encoder", "encoder": _encoder_header(checkpoint.encoder)}
    elif isinstance(checkpoint, SegmenterCheckpoint):
        module = checkpoint.unet
        header |= {
            "kind": "segmenter",
            "encoder": _encoder_header(checkpoint.unet.encoder),
            "decoder": checkpoint.unet.config.to_dict(),
        }
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
    if isinstance(checkpoint, ClassifierCheckpoint) and checkpoint.reliability is not None:
        header["reliability"] = checkpoint.reliability.facts
        arrays = checkpoint.reliability.arrays.items()
        tensors |= {_RELIABILITY + name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays}
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={_KEY: json.dumps(jsonable(header))})
    except (OSError, SafetensorError) as error:
        raise InputError(f"the checkpoint cannot be written: {error}", file=path) from error


def load_encoder(
    path: str | Path, *, expected_encoder: str | None = None, preprocessing: Preprocessing | None = None
) -> EncoderCheckpoint:
    """Read a pretrained encoder, also out of a classifier's or a segmenter's checkpoint.

    Args:
        path: a checkpoint of this toolkit under any name, or a file that torch saved as {"encoder": state_dict of an
            ``ECGEncoder1DCNN``}, which is read without running code from it.
        expected_encoder: name the encoder must have.
        preprocessing: what to assume for a file that torch saved; a checkpoint of this toolkit carries its own.

    Returns:
        The encoder, on the CPU and in eval mode; torch's global generator is where it was.

    Raises:
        InputError: missing, truncated, foreign or mismatching file.
    """
    path = Path(path)
    torch_saved = _was_saved_by_torch(path)
    header, tensors = _read_torch_file(path, preprocessing) if torch_saved else _read(path)
    with _interpreting(header, path):
        name = header["encoder"]["name"]
        if expected_encoder not in (None, name):
            raise InputError("checkpoint of another encoder", field="encoder", expected=expected_encoder, found=name)
        if header["kind"] != "encoder":
            prefix = "encoder."
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        encoder = filled(lambda: _build_encoder(header), tensors)
        return EncoderCheckpoint(encoder, _preprocessing(header, encoder), dict(**header["provenance"]))


def load_classifier(path: str | Path) -> ClassifierCheckpoint:
    """Read a classifier.

    Returns:
        The classifier, on the CPU and in eval mode; torch's global generator is where it was.

    Raises:
        InputError: missing, truncated or foreign file, or an encoder without a head.
    """
    path = Path(path)
    header, tensors = _read(path)
    with _interpreting(header, path):
        reliability = _taken_reliability(header, tensors)
        if header["kind"] != "classifier":
            raise InputError("this checkpoint holds an encoder without a head; train one with finetune or probe")
        classifier = filled(lambda: _build_classifier(header), tensors)
        classes, thresholds = tuple(header["classes"]), header["thresholds"]
        if len(classes) != classifier.head.n_outputs or not all(isinstance(name, str) for name in classes):
            raise InputError("class names do not fit the outputs", field="classes", expected=classifier.head.n_outputs)
        if header["task"] not in get_args(Task):
            raise InputError("unknown task", field="task", expected=" | ".join(get_args(Task)), found=header["task"])
        if thresholds is not None and len(thresholds) != len(classes):
            raise InputError("one threshold per class is needed", field="thresholds", expected=len(classes))
        return ClassifierCheckpoint(
            classifier,
            _preprocessing(header, classifier.encoder),
            classes,
            header["task"],
            str(header["label_set"]),
            None if thresholds is None else tuple(float(value) for value in thresholds),
            dict(**header["provenance"]),
            reliability,
        )


def load_checkpoint(path: str | Path) -> EncoderCheckpoint | ClassifierCheckpoint:
    """Read a checkpoint of this toolkit as what it is.

    Raises:
        InputError: as ``load_encoder`` and ``load_classifier``.
    """
    return load_classifier(path) if read_header(path)["kind"] == "classifier" else load_encoder(path)


def load_segmenter(path: str | Path) -> SegmenterCheckpoint:
    """Read a segmenter.

    Returns:
        The network, on the CPU and in eval mode; torch's global generator is where it was.

    Raises:
        InputError: missing, truncated or foreign file, or no segmenter.
    """
    path = Path(path)
    header, tensors = _read(path)
    with _interpreting(header, path):
        if header["kind"] != "segmenter":
            what = "this checkpoint does not segment waves; train one with ssrl-ecg segment train"
            raise InputError(what, field="kind", expected="segmenter", found=header["kind"])
        unet = filled(lambda: UNet(_build_encoder(header), UNetConfig.from_dict(header["decoder"])), tensors)
        preprocessing = Preprocessing.from_dict(header["preprocessing"])
        _check_leads(unet.encoder, preprocessing, each_by_itself=unet.encoder.config.n_leads == 1)
        return SegmenterCheckpoint(unet, preprocessing, dict(**header["provenance"]))


def _name_in(table: Mapping[str, type[nn.Module]], value: nn.Module) -> str:
    return next(name for name, kind in table.items() if type(value) is kind)


def _encoder_header(encoder: Encoder) -> dict[str, Any]:
    return {"name": _name_in(ENCODERS, encoder), "config": encoder.config.to_dict()}


def _was_saved_by_torch(path: Path) -> bool:
    """Told by content, as any name may be given: safetensors has ``{`` at byte 8, torch writes a zip or a pickle."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] != b"{" and start.startswith((b"PK\x03\x04", b"\x80\x02"))


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise InputError("no such checkpoint", file=path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError("checkpoint is too large", file=path, expected=f"at most {MAX_BYTES} bytes", found=size)


def read_header(path: str | Path) -> dict[str, Any]:
    """Read what a checkpoint of this toolkit says of itself, without its weights.

    Raises:
        InputError: missing, truncated or foreign file.
    """
    path = Path(path)
    _check_size(path)
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "null"))
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise InputError(f"not a whole safetensors checkpoint: {error}", file=path) from error
    found = header.get("format") if isinstance(header, dict) else None
    if not isinstance(header, dict) or found != _FORMAT:
        expected = f"format {_FORMAT}"
        raise InputError("not a checkpoint of this toolkit", file=path, field=_KEY, expected=expected, found=found)
    if header.get("kind") not in _KINDS:
        expected, found = " | ".join(_KINDS), header.get("kind")
        raise InputError("unknown kind of checkpoint", file=path, field="kind", expected=expected, found=found)
    return header


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a checkpoint of this toolkit."""
    header = read_header(path)
    try:
        with safe_open(path, "pt") as file:
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, ValueError, OSError) as error:
        raise InputError(f"not a whole safetensors checkpoint: {error}", file=path) from error


def _read_torch_file(path: Path, preprocessing: Preprocessing | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Tensors of a file {"encoder": state_dict}, and the header it would have; it says nothing of its input."""
    _check_size(path)
    expected = '{"encoder": state_dict}'
    try:
        with path.open("rb") as file:  # given a name, torch would believe its ending
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError("cannot be read as plain tensors", file=path, expected=expected) from error
    tensors = content.get("encoder") if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError("not a state dictionary file", file=path, expected=expected)
    if preprocessing is None:
        raise InputError("this file carries no preprocessing; convert it to safetensors first", file=path)
    header = {
        "kind": "encoder",
        "encoder": {"name": "cnn", "config": {}},
        "preprocessing": preprocessing.to_dict(),
        "provenance": {"converted_from": path.name},
    }
    return header, tensors


@contextmanager
def _interpreting(header: dict[str, Any], path: Path) -> Iterator[None]:
    """Every surprise in a header ends in one line that names the file."""
    try:
        yield
    except InputError as error:
        raise InputError(
            error.what, file=path, field=error.field, expected=error.expected, found=error.found
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
        raise InputError(f"the checkpoint's header is damaged: {error!r}", file=path, field=_KEY) from error


def _build_encoder(header: dict[str, Any]) -> Encoder:
    name = header["encoder"]["name"]
    if name not in ENCODERS:
        raise InputError("unknown encoder in checkpoint", field="encoder", expected=" | ".join(ENCODERS), found=name)
    kind = ENCODERS[name]
    return kind(kind.Config.from_dict(header["encoder"]["config"]))


def _build_classifier(header: dict[str, Any]) -> Classifier:
    name, config, n_outputs = (header["head"][key] for key in ("name", "config", "n_outputs"))
    if name not in HEADS:
        raise InputError("unknown head in checkpoint", field="head", expected=" | ".join(HEADS), found=name)
    encoder, kind = _build_encoder(header), HEADS[name]
    head = kind(kind.Config.from_dict(config), feature_dim=head_input_dim(encoder, kind), n_outputs=n_outputs)
    return Classifier(encoder, head)


def _taken_reliability(header: dict[str, Any], tensors: dict[str, Tensor]) -> StoredReliability | None:
    """Take what calibration left out of the tensors, so that the weights remain."""
    names = [name for name in tensors if name.startswith(_RELIABILITY)]
    arrays = {name.removeprefix(_RELIABILITY): tensors.pop(name).numpy() for name in names}
    facts = header.get("reliability")
    return None if facts is None else StoredReliability(arrays, dict(**facts))


def _preprocessing(header: dict[str, Any], encoder: Encoder) -> Preprocessing:
    preprocessing = Preprocessing.from_dict(header["preprocessing"])
    _check_leads(encoder, preprocessing)
    return preprocessing


def _check_leads(encoder: Encoder, preprocessing: Preprocessing, *, each_by_itself: bool = False) -> None:
    n_leads = len(preprocessing.leads)
    if n_leads != encoder.config.n_leads and not each_by_itself:
        raise InputError("encoder and preprocessing differ in leads", expected=encoder.config.n_leads, found=n_leads)
