"""Which files, how they are read, and what became of those that were left out."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Self, TypeVar

import tyro

from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path
from ssrl_ecg.predict.files import Answerer, Outcome, answer_files, find_recordings
from ssrl_ecg.signals.leads import LEADS

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Recordings in files."""

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Recordings of any format that docs/formats.md lists, or folders of them."""
    file_rate_hz: Annotated[float | None, tyro.conf.arg(aliases=["--sampling-rate-hz"])] = None
    """Sampling rate of files that do not tell theirs."""
    unit: Literal["mV", "uV", "V"] | None = None
    """Unit of files that do not tell theirs; without it mV, checked for plausibility."""
    leads: tuple[str, ...] = LEADS
    """Names of leads that a file leaves unnamed, in its order."""
    duration_s: float | None = None
    """Seconds at the beginning of each recording that are used; without it all."""
    n_jobs: int = 0
    """Processes for many files; 0 for one per processor core."""

    def reader(self) -> FileReader:
        """Return how the files are read."""
        return FileReader(self.file_rate_hz, self.unit, self.leads)

    def recordings(self) -> list[Path]:
        """List the files.

        Raises:
            InputError: none was given, or a folder holds none.
        """
        if not self.files:
            raise InputError("give recordings, or folders of them")
        return find_recordings(self.files)

    def outcomes(self, answerer: Answerer[T], paths: Sequence[Path]) -> Iterator[Outcome[T]]:
        """Answer for the files, in several processes if there are many."""
        n_jobs = self.n_jobs or os.cpu_count() or 1
        return answer_files(answerer, paths, self.reader(), duration_s=self.duration_s, n_jobs=n_jobs)


class Rejections:
    """Files that were left out: a line each on stderr, or a CSV beside the output.

    Args:
        out: the output; None: the terminal.
        n_files: how many files there are.

    Attributes:
        n_rejected: so far.
    """

    def __init__(self, out: Path | None, n_files: int) -> None:
        self.n_rejected, self._n_files = 0, n_files
        self._target = None if out is None else out.with_name(f"{out.stem}.rejected.csv")
        self._rows: list[tuple[str, str]] = []
        self._first = ""

    def add(self, path: Path, reason: str) -> None:
        """Note one file."""
        self.n_rejected += 1
        self._first = self._first or f"{path}: {reason}"
        if self._target is None:
            print(f"ssrl-ecg: left out: {path}: {reason}", file=sys.stderr, flush=True)
        else:
            self._rows.append((path.as_posix(), reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the list, if all else went well, and refuse an outcome without a single answer.

        Raises:
            InputError: every file was left out.
        """
        if kind is not None:
            return
        if self.n_rejected == self._n_files:
            raise InputError(f"none of the {self._n_files} files can be used", found=self._first)
        if self._target is not None:
            with atomic_path(self._target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([("file", "reason"), *self._rows])
            if self.n_rejected:
                print(f"{self.n_rejected} of {self._n_files} files were left out; their reasons: {self._target}")
