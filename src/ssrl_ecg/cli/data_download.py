"""``ssrl-ecg data download``: fetch an open ECG database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.data.download import DATABASES, download

FOLDERS = {"ptbxl": "PTB-XL"}
"""Folder under data/ where the published commands look for a database, if that is not its name."""


@dataclass(frozen=True, kw_only=True)
class DownloadOptions:
    """Fetch a database from PhysioNet and verify every file; run again, it goes on where it stopped."""

    name: Annotated[str, tyro.conf.Positional, one_of(DATABASES)]
    """Which database."""
    out: Path | None = None
    """Folder to fetch it into; without it data/PTB-XL for ptbxl, data/NAME for the others."""
    base_url: str | None = None
    """A mirror of the database's own folder; without it PhysioNet."""
    rate: Literal["100", "500", "both"] = "both"
    """Which recordings of ptbxl, in Hz; those at 100 Hz are a fifth of the whole, and enough for every default here."""
    workers: int = 8
    """Connections at once."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(DownloadOptions, argv, "ssrl-ecg data download")
    target = options.out or Path("data") / FOLDERS.get(options.name, options.name)
    rate_hz = None if options.rate == "both" else int(options.rate)
    result = download(
        options.name, target, base_url=options.base_url, rate_hz=rate_hz, workers=options.workers, progress=True
    )
    print(f"{result.path}: {result.n_fetched} files fetched, {result.n_present} were there; all verified")
    return DONE
