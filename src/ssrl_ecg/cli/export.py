"""``ssrl-ecg export``: a checkpoint as a graph for other runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.deployment.export import FORMATS, contract_path, export_checkpoint
from ssrl_ecg.deployment.hub import load
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Write a checkpoint as a graph that takes whole records in mV: filter, windows and normalisation are inside it.

    The batch is free, the length of a record is fixed by --record-s. Outputs are features and, of a classifier, logits,
    averaged over windows. OUT.json says what belongs before the graph: leads, unit, rate, length. The file is read back
    and compared with torch; if they differ by more than 1e-5, nothing is written.
    """

    checkpoint: tyro.conf.Positional[str]
    """Encoder or classifier: a file, a folder, or a name on the Hugging Face Hub."""
    format: Annotated[str, one_of(FORMATS)] = "onnx"
    """Kind of file; onnx needs ssrl-ecg[onnx]."""
    out: Path | None = None
    """File to write; without it beside the checkpoint, under its name."""
    record_s: float = 10.0
    """Length of every record in s; at least the checkpoint's window."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(ExportOptions, argv, "ssrl-ecg export")
    checkpoint = load(options.checkpoint)
    rate_hz = checkpoint.preprocessing.sampling_rate_hz
    if not 0 < options.record_s < float("inf"):
        raise InputError("not a length", field="--record-s", expected="a positive number of s", found=options.record_s)
    out = options.out or Path(options.checkpoint).with_suffix(FORMATS[options.format].suffix)
    contract = export_checkpoint(
        checkpoint, out, format_name=options.format, n_samples=round(options.record_s * rate_hz)
    )
    print(f"{out}: {' x '.join(map(str, contract['input']['shape']))} in mV, {contract['file']['bytes'] / 1e6:.1f} MB")
    print(
        f"largest difference to torch: {contract['checked']['difference']:.1g}; what to feed it: {contract_path(out)}"
    )
    return DONE
