"""``ssrl-ecg data synthetic``: a simulated cohort to try everything on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl


@dataclass(frozen=True, kw_only=True)
class SyntheticOptions:
    """Write a simulated cohort in PTB-XL's layout, which every other command reads like PTB-XL."""

    out: Path = Path("data/synthetic")
    """Folder to write; a synthetic cohort already there is replaced, anything else is left alone."""
    n_records: int = 2000
    """Number of recordings, at least 10."""
    sampling_rate_hz: Literal[100, 500] = 100
    """500 writes recordings at both rates."""
    seed: int = 0
    """Equal seeds give equal cohorts."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(SyntheticOptions, argv, "ssrl-ecg data synthetic")
    root = write_synthetic_ptbxl(options.out, options.n_records, options.seed, options.sampling_rate_hz, progress=True)
    print(f"{root}: {options.n_records} simulated records; use it with --data {root}")
    return DONE
