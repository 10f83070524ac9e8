"""``ssrl-ecg convert``: recordings of any format to WFDB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.conversion import MANIFEST, convert_files
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """Write recordings of any format as WFDB records of twelve leads, with a manifest.

    A file's format is found by its content; docs/formats.md lists them. What a file says of itself counts; the options
    say what it leaves open. The exit code is 3 when files had to be left out: manifest.csv says which and why.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Recordings: WFDB, EDF, BDF, DICOM, aECG, Philips or GE XML, SCP-ECG, MATLAB, HDF5, NPY, NPZ, CSV or TSV."""
    out: Path
    """Folder to write, new or empty."""
    file_rate_hz: Annotated[float | None, tyro.conf.arg(aliases=["--sampling-rate-hz"])] = None
    """Sampling rate of files that do not tell theirs."""
    unit: Literal["mV", "uV", "V"] | None = None
    """Unit of files that do not tell theirs; without it mV, checked for plausibility."""
    leads: tuple[str, ...] = LEADS
    """Names of leads that a file leaves unnamed, in its order."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if files were left out."""
    options = parse(ConvertOptions, argv, "ssrl-ecg convert")
    if not options.files:
        raise InputError("give files to convert")
    reader = FileReader(options.file_rate_hz, options.unit, options.leads)
    manifest = convert_files(options.files, reader, options.out, progress=True)
    n_rejected = int(manifest["rejected"].ne("").sum())
    n_warned = int(manifest["warnings"].ne("").sum())
    print(f"{options.out}: {len(manifest) - n_rejected} records, {n_warned} with warnings: {options.out / MANIFEST}")
    if n_rejected == 0:
        return DONE
    print(f"{n_rejected} files were left out; {MANIFEST} has their reasons")
    return INCOMPLETE
