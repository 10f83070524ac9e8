"""Exported graphs: ONNX, TorchScript and torch.export files that were compared with torch before they were kept."""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.deployment.graph import OVERLAP, RecordGraph, describe_graph
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.files import atomic_path, write_json
from ssrl_ecg.models import Classifier
from ssrl_ecg.predict.reliability import Reliability
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint
from ssrl_ecg.training.run import versions
from ssrl_ecg.training.windows import over_windows

TOLERANCE = 1e-5
"""Largest difference to torch that is accepted, as a share of the largest output, or absolute where that is below 1."""
OPSET = 20
"""ONNX operator set of the files; ONNX Runtime reads it from 1.17 (2024) on."""
_BATCHES = (1, 3, 8)
"""Batch sizes an exported file is tried with; it was traced with 2."""

Run = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]
"""From records in mV (batch, lead, time) to the graph's outputs."""


@dataclass(frozen=True)
class ExportFormat:
    """One kind of file.

    Attributes:
        suffix: how its files end.
        write: turns a graph and two example records into the file's bytes.
        open: reads the file's bytes the way a deployment would, without this package.
    """

    suffix: str
    write: Callable[[RecordGraph, Tensor], bytes]
    open: Callable[[bytes], Run]


def _write_onnx(graph: RecordGraph, example: Tensor) -> bytes:
    for package in ("onnx", "onnxscript"):
        extra_package(package, "onnx", "ONNX files")
    program = torch.onnx.export(
        _program(graph, example),
        input_names=["signal_mv"],
        output_names=list(graph.output_dims),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    written: bytes = program.model_proto.SerializeToString()
    return written


def open_onnx(content: bytes, threads: int = 0) -> Run:
    """Open an ONNX file with ONNX Runtime on the CPU.

    Args:
        content: the file's bytes.
        threads: threads of one run; 0 leaves them to the runtime.

    Raises:
        InputError: ONNX Runtime is not installed.
    """
    runtime = extra_package("onnxruntime", "onnx", "ONNX files")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda signal_mv: session.run(None, {"signal_mv": signal_mv})


def _write_torchscript(graph: RecordGraph, example: Tensor) -> bytes:
    buffer, jit = io.BytesIO(), cast("Any", torch.jit)
    jit.save(jit.trace(graph, example, check_trace=False), buffer)
    return buffer.getvalue()


def _open_torchscript(content: bytes) -> Run:
    return _as_run(cast("Any", torch.jit).load(io.BytesIO(content)))


def _write_torch_export(graph: RecordGraph, example: Tensor) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(_program(graph, example), buffer)
    return buffer.getvalue()


def _open_torch_export(content: bytes) -> Run:
    return _as_run(torch.export.load(io.BytesIO(content)).module())


def _program(graph: RecordGraph, example: Tensor) -> torch.export.ExportedProgram:
    return torch.export.export(graph, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))


def _as_run(module: Callable[[Tensor], tuple[Tensor, ...]]) -> Run:
    def run(signal_mv: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with torch.no_grad():
            return [output.numpy() for output in module(torch.from_numpy(signal_mv))]

    return run


FORMATS: dict[str, ExportFormat] = {
    "onnx": ExportFormat(".onnx", _write_onnx, open_onnx),
    "torch-export": ExportFormat(".pt2", _write_torch_export, _open_torch_export),
    "torchscript": ExportFormat(".torchscript.pt", _write_torchscript, _open_torchscript),
}
"""Every kind of exported file by the name that the command line uses."""


def export_checkpoint(
    checkpoint: EncoderCheckpoint | ClassifierCheckpoint, out: Path, *, format_name: str, n_samples: int
) -> dict[str, Any]:
    """Write a graph and, as OUT.json, its contract; neither if the file does not say what torch says.

    Args:
        checkpoint: an encoder, or a classifier.
        out: the file to write.
        format_name: one of ``FORMATS``.
        n_samples: length of every record at the checkpoint's rate.

    Returns:
        The contract: input, outputs, what is inside the graph and what belongs before it, how well it was met.

    Raises:
        InputError: a network that the format cannot hold; outputs that differ by more than ``TOLERANCE``; a missing
            package; records that do not fit the checkpoint's windows; or a place that cannot be written to.
    """
    graph, kind = RecordGraph(checkpoint, n_samples), FORMATS[format_name]
    with _quiet(), torch.no_grad():
        content = _written(kind, graph, format_name)
        difference = _largest_difference(kind.open(content), checkpoint, graph)
    if not difference <= TOLERANCE:
        raise InputError(f"the {format_name} file would not say what torch says; nothing was written", file=out,
                         expected=f"a difference of {TOLERANCE:g} at most", found=f"{difference:.2g}")  # fmt: skip
    contract = describe_graph(graph) | _describe_outputs(checkpoint, graph) | {
        "file": {"format": format_name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
        "checked": {"against": "torch", "batches": _BATCHES, "difference": difference, "tolerance": TOLERANCE},
        "versions": versions(),
        "provenance": checkpoint.provenance,
    }  # fmt: skip
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
        write_json(contract_path(out), contract)
    return contract


def contract_path(exported: Path) -> Path:
    """Where the contract of an exported file lies: beside it."""
    return exported.with_name(f"{exported.name}.json")


def _written(kind: ExportFormat, graph: RecordGraph, format_name: str) -> bytes:
    try:
        return kind.write(graph, graph.example(2))
    except InputError:
        raise
    except Exception as error:  # exporters raise whatever their passes raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        what = f"{_network_name(graph)} cannot be exported as {format_name}: {reason}"
        raise InputError(what, field="--format") from error


def _network_name(graph: RecordGraph) -> str:
    network = graph.network.encoder if isinstance(graph.network, Classifier) else graph.network
    return type(network).__name__


def _largest_difference(run: Run, checkpoint: EncoderCheckpoint | ClassifierCheckpoint, graph: RecordGraph) -> float:
    """Compare with the way records are judged elsewhere in this package; NaN if anything is not finite."""
    networks: list[Callable[[Tensor], Tensor]]
    if isinstance(checkpoint, ClassifierCheckpoint):
        networks = [checkpoint.classifier, checkpoint.classifier.encoder]
    else:
        networks = [checkpoint.encoder]
    differences = []
    for n_records in _BATCHES:
        signal_mv = graph.example(n_records, seed=n_records)
        for network, found in zip(networks, run(signal_mv.numpy()), strict=True):
            expected = over_windows(network, signal_mv, checkpoint.preprocessing, OVERLAP).numpy()
            if found.shape != expected.shape:
                return float("nan")
            differences.append(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
    return float(np.max(differences))


def _describe_outputs(checkpoint: EncoderCheckpoint | ClassifierCheckpoint, graph: RecordGraph) -> dict[str, Any]:
    outputs = [{"name": name, "dtype": "float32", "shape": ["batch", size]} for name, size in graph.output_dims.items()]
    if not isinstance(checkpoint, ClassifierCheckpoint):
        return {"outputs": outputs}
    function = "softmax" if checkpoint.task == "single" else "sigmoid"
    return {
        "outputs": outputs,
        "classes": checkpoint.classes,
        "label_set": checkpoint.label_set,
        "task": checkpoint.task,
        "own_probabilities": f"{function}(logits)",
        "thresholds": checkpoint.thresholds,
        **_describe_calibration(checkpoint, function),
    }


def _describe_calibration(checkpoint: ClassifierCheckpoint, function: str) -> dict[str, Any]:
    """Say how logits become the probabilities that ``predict`` prints."""
    reliability = Reliability.of(checkpoint)
    if reliability is None:
        return {"probabilities": f"{function}(logits)"}
    fitted = reliability.recalibrated
    return {
        "probabilities": f"{function}(slope * logits + intercept)",
        "calibration": {"slope": fitted.slope.tolist(), "intercept": fitted.intercept.tolist()},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the exporters say of themselves: deprecations, packages of other fields that they look for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
