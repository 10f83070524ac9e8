"""What stands behind the web page: a visitor's recording in, an analysis out, within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from ssrl_ecg.app.examples import example
from ssrl_ecg.app.shelf import Shelf
from ssrl_ecg.app.uploads import Upload, read_uploads
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.recording_analysis import RecordingAnalysis, analyse, explain
from ssrl_ecg.predict.neighbours import EmbeddingIndex
from ssrl_ecg.predict.predictor import Predictor

T = TypeVar("T")

N_WORKERS = 2
"""Recordings that are worked on at once; further visitors wait."""
N_UPLOADS = 16
"""Uploads that wait to be read, at most; the oldest go first."""


@dataclass(frozen=True, kw_only=True)
class PageLimits:
    """What a visitor may cost."""

    max_upload_mb: float = 20.0
    """Largest upload in MB (10^6 bytes), all its files together."""
    timeout_s: float = 30.0
    """Longest time for an upload, and again for an answer, waiting included."""
    longest_s: float = 60.0
    """Seconds at the beginning of a recording that are used."""
    keep_s: float = 1800.0
    """How long an analysis is kept in memory, for its report."""
    max_kept: int = 50
    """Analyses that are kept at once."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 1e9:
                raise InputError("limit out of range", field=name, expected="above 0", found=value)


class Desk:
    """Answers visitors.

    Args:
        predictors: classifiers by name, at least one; the first one answers, the others can be compared with it.
        index: feature vectors that the first one's checkpoint made.
        limits: what a visitor may cost.

    Attributes:
        predictors: see above.
        limits: see above.
        shelf: analyses that visitors may still ask for.
        inbox: uploads that are not yet read, or why one was refused.
    """

    def __init__(
        self, predictors: Mapping[str, Predictor], index: EmbeddingIndex | None = None, limits: PageLimits | None = None
    ) -> None:
        self.predictors, self._index, self.limits = dict(predictors), index, limits or PageLimits()
        self.shelf: Shelf[RecordingAnalysis] = Shelf(self.limits.keep_s, self.limits.max_kept)
        self.inbox: Shelf[list[Upload] | InputError] = Shelf(self.limits.timeout_s, N_UPLOADS)
        self._drawing = Lock()
        self._workers = ThreadPoolExecutor(N_WORKERS, thread_name_prefix="page")

    @property
    def first(self) -> Predictor:
        """The classifier that answers and explains."""
        return next(iter(self.predictors.values()))

    def open_upload(self, token: str, reader: FileReader, compared: str = "") -> str:
        """Analyse an uploaded recording, and keep its files no longer.

        Args:
            token: name of the upload in the inbox.
            reader: see ``read_uploads``.
            compared: name of a second classifier; empty for none.

        Returns:
            The analysis's name on the shelf.

        Raises:
            InputError: the upload was refused, the recording cannot be used, or not in time.
        """
        uploads = self.inbox.take(token)
        if isinstance(uploads, InputError):
            raise uploads
        return self._in_time(lambda: self._keep(*read_uploads(uploads, reader, self.limits.longest_s), compared))

    def open_example(self, name: str, compared: str = "") -> str:
        """Analyse one of ``EXAMPLES``; see ``open_upload``."""
        return self._in_time(lambda: self._keep(f"simulated, {name}", example(name), compared))

    def compare(self, token: str, compared: str) -> str:
        """Analyse a recording on the shelf anew, with another second classifier; see ``open_upload``."""
        analysis = self.shelf.find(token)
        return self._in_time(lambda: self._keep(analysis.name, analysis.recording, compared))

    def explain(self, token: str, class_name: str) -> RecordingAnalysis:
        """Find out what mattered for a class, and keep that with the analysis.

        Raises:
            InputError: the analysis is not kept any more, there is no such class, or no answer in time.
        """
        analysis = self.shelf.find(token)
        explained = self._in_time(lambda: explain(analysis, self.first, class_name))
        self.shelf.keep(explained, token)
        return explained

    def draw(self, make: Callable[[], T]) -> T:
        """Let one visitor draw at a time: matplotlib's settings, which drawing changes for a while, are everybody's."""
        with self._drawing:
            return make()

    def sweep(self) -> None:
        """Let go what visitors may not ask for any more."""
        self.shelf.sweep()
        self.inbox.sweep()

    def close(self) -> None:
        """Let the workers go."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _keep(self, name: str, recording: SignalFile, compared: str) -> str:
        asked = {model: one for model, one in self.predictors.items() if one is self.first or model == compared}
        return self.shelf.keep(analyse(name, recording, asked, self._index))

    def _in_time(self, work: Callable[[], T]) -> T:
        """Let a worker do it, and wait no longer than visitors may wait; what is late is bounded by ``longest_s``."""
        job = self._workers.submit(work)
        try:
            return job.result(self.limits.timeout_s)
        except WaitedTooLong:
            job.cancel()
            raise InputError(f"no answer within {self.limits.timeout_s:g} s: try again later") from None
