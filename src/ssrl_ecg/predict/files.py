"""Many recordings through one classifier in bounded memory: found in folders, answered by several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch
from joblib import Parallel, delayed

from ssrl_ecg.data.recording import SUFFIXES, FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.preparation import Prepared

CHUNK = 64
"""Recordings that are held at once by a process; so few are not worth a second process."""

_SIGNAL_SUFFIXES = (".dat", ".mat")
_RECORDING_SUFFIXES = frozenset((*SUFFIXES, ".mat"))

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answerer(Protocol[T_co]):
    """What answers for recordings: a ``Predictor``, an ``Embedder``."""

    def prepare(self, recording: SignalFile) -> Prepared:
        """Map a recording to what the network wants, or raise ``InputError``."""

    def answer(self, recordings: Sequence[Prepared]) -> Sequence[T_co]:
        """Return an answer per recording."""


class Outcome(NamedTuple, Generic[T]):
    """What became of a file: an answer, or the reason why there is none.

    Attributes:
        path: the file.
        answer: None where it was left out.
        rejected: why it was left out; empty where it was not.
    """

    path: Path
    answer: T | None
    rejected: str


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """List files: those named, and in named folders, below them too, all with a suffix of recordings, in order.

    A signal file whose WFDB header lies beside it is not listed: the header stands for it. A path without a suffix that
    is no file names a WFDB record.

    Raises:
        InputError: a folder without recordings.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if _is_recording(one))
            if not inside:
                raise InputError("no recordings in this folder", file=path, expected=" ".join(sorted(SUFFIXES)))
            found += inside
        else:
            found.append(path if path.is_file() or path.suffix else path.with_name(f"{path.name}.hea"))
    return found


def _is_recording(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in _RECORDING_SUFFIXES or path.name.startswith(".") or not path.is_file():
        return False
    return suffix not in _SIGNAL_SUFFIXES or not path.with_suffix(".hea").is_file()


def answer_files(
    answerer: Answerer[T],
    paths: Sequence[Path],
    reader: FileReader,
    *,
    duration_s: float | None = None,
    n_jobs: int = 1,
) -> Iterator[Outcome[T]]:
    """Answer for files one after the other, in their order, reading on while earlier answers are taken.

    Args:
        answerer: gives the answers; every process has a copy of it.
        paths: the files.
        reader: how they are read.
        duration_s: seconds of each recording that are used; None uses all.
        n_jobs: processes.

    Yields:
        An outcome per file; files that cannot be used have the reason in theirs.
    """
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    if n_jobs == 1 or len(chunks) == 1:
        for chunk in chunks:
            yield from _answer(answerer, chunk, reader, duration_s)
        return
    here = Path.cwd()
    jobs = (delayed(_answer_elsewhere)(answerer, chunk, reader, duration_s, here) for chunk in chunks)
    for outcomes in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        yield from outcomes


def _answer_elsewhere(
    answerer: Answerer[T], paths: Sequence[Path], reader: FileReader, duration_s: float | None, folder: Path
) -> list[Outcome[T]]:
    """Answer in a process of its own, which may have been started in another folder."""
    torch.set_num_threads(1)
    with chdir(folder):
        return _answer(answerer, paths, reader, duration_s)


def _answer(
    answerer: Answerer[T], paths: Sequence[Path], reader: FileReader, duration_s: float | None
) -> list[Outcome[T]]:
    """Read, prepare and answer one chunk."""
    prepared: dict[int, Prepared] = {}
    rejected: dict[int, str] = {}
    for place, path in enumerate(paths):
        try:
            prepared[place] = answerer.prepare(reader.read(path, duration_s))
        except InputError as error:
            reason = InputError(error.what, field=error.field, expected=error.expected, found=error.found)
            rejected[place] = str(reason)
    answers = dict(zip(prepared, answerer.answer(list(prepared.values())), strict=True)) if prepared else {}
    return [Outcome(path, answers.get(place), rejected.get(place, "")) for place, path in enumerate(paths)]
