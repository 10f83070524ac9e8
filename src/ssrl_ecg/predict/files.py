"""Many recordings through one classifier in bounded memory: found in folders, answered by several processes."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch

from ssrl_ecg.data.recording import SUFFIXES, FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.preparation import Prepared

CHUNK = 64
"""Recordings that are held at once by a process; so few are not worth a second process."""

_AHEAD = 2
"""Chunks per process that are under way or wait to be taken."""
_process: dict[str, Callable[[Sequence[Path]], list[Outcome[Any]]]] = {}
"""What a process of the pool was told when it began."""

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
    ask = partial(_answer, answerer, reader=reader, duration_s=duration_s)
    # A forked process has the network already, and its memory is shared, as in torch's own data loaders.
    method = "fork" if "fork" in get_all_start_methods() else None
    with ProcessPoolExecutor(n_jobs, get_context(method), initializer=_start, initargs=(ask,)) as pool:
        waiting = deque(pool.submit(_ask, chunk) for chunk in chunks[: _AHEAD * n_jobs])
        for chunk in chunks[_AHEAD * n_jobs :]:
            yield from waiting.popleft().result()
            waiting.append(pool.submit(_ask, chunk))
        for job in waiting:
            yield from job.result()


def _start(ask: Callable[[Sequence[Path]], list[Outcome[Any]]]) -> None:
    """Begin a process: one thread, and Ctrl-C is the first process's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _process["ask"] = ask


def _ask(paths: Sequence[Path]) -> list[Outcome[Any]]:
    return _process["ask"](paths)


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
