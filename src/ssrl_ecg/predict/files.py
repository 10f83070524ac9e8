"""Many recordings through one classifier in bounded memory: found in folders, answered by several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import torch
from joblib import Parallel, delayed

from ssrl_ecg.data.recording import SUFFIXES, FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.predictor import Predictor, Prepared

CHUNK = 64
"""Recordings that are held at once by a process; so few are not worth a second process."""

_SIGNAL_SUFFIXES = (".dat", ".mat")
_RECORDING_SUFFIXES = frozenset((*SUFFIXES, ".mat"))

T = TypeVar("T")
Answering = Callable[[Predictor, Sequence[Prepared]], Sequence[T]]
"""What is asked of the classifier: one answer per recording."""


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
    checkpoint: Path,
    paths: Sequence[Path],
    reader: FileReader,
    ask: Answering[T],
    *,
    coverage: float,
    duration_s: float | None = None,
    n_jobs: int = 1,
) -> Iterator[Outcome[T]]:
    """Answer for files one after the other, in their order, reading on while earlier answers are taken.

    Args:
        checkpoint: of a classifier.
        paths: the files.
        reader: how they are read.
        ask: what is asked of the classifier; a function of a module, for processes must find it.
        coverage: of label sets.
        duration_s: seconds of each recording that are used; None uses all.
        n_jobs: processes, of which each has the classifier in memory.

    Raises:
        InputError: the checkpoint cannot be used. Files that cannot be used are outcomes.
    """
    if n_jobs == 1 or len(paths) <= CHUNK:
        predictor = Predictor.load(checkpoint, coverage=coverage)
        for chunk in _chunks(paths):
            yield from _answer(predictor, chunk, reader, ask, duration_s)
        return
    jobs = (
        delayed(_answer_elsewhere)(checkpoint.absolute(), coverage, chunk, reader, ask, duration_s)
        for chunk in _chunks([path.absolute() for path in paths])
    )
    names = iter(paths)
    for outcomes in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        for outcome in outcomes:
            yield outcome._replace(path=next(names))


def _chunks(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK))


@lru_cache(maxsize=1)
def _predictor(checkpoint: Path, coverage: float) -> Predictor:
    """Read a checkpoint once per process."""
    torch.set_num_threads(1)
    return Predictor.load(checkpoint, coverage=coverage)


def _answer_elsewhere(
    checkpoint: Path,
    coverage: float,
    paths: Sequence[Path],
    reader: FileReader,
    ask: Answering[T],
    duration_s: float | None,
) -> list[Outcome[T]]:
    return _answer(_predictor(checkpoint, coverage), paths, reader, ask, duration_s)


def _answer(
    predictor: Predictor, paths: Sequence[Path], reader: FileReader, ask: Answering[T], duration_s: float | None
) -> list[Outcome[T]]:
    """Read, prepare and answer one chunk."""
    prepared: dict[int, Prepared] = {}
    rejected: dict[int, str] = {}
    for place, path in enumerate(paths):
        try:
            prepared[place] = predictor.prepare(reader.read(path, duration_s))
        except InputError as error:
            reason = InputError(error.what, field=error.field, expected=error.expected, found=error.found)
            rejected[place] = str(reason)
    answers = dict(zip(prepared, ask(predictor, list(prepared.values())), strict=True)) if prepared else {}
    return [Outcome(path, answers.get(place), rejected.get(place, "")) for place, path in enumerate(paths)]
