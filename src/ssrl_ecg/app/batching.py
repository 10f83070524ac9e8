"""Requests that arrive together are answered together: one call of the network for many recordings."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """A thread that collects what is asked, and answers it in one call.

    It waits for further requests only while it has some already, and never longer than ``wait_s``: under load batches
    are full without waiting, and a single request pays ``wait_s`` at most.

    Args:
        function: answers a list, in its order; called in one thread only.
        largest: most requests in one call.
        wait_s: how long to wait for a batch to fill up.
    """

    def __init__(self, function: Callable[[Sequence[T]], Sequence[R]], *, largest: int, wait_s: float) -> None:
        self._function, self._largest, self._wait_s = function, largest, wait_s
        self._asked: queue.SimpleQueue[tuple[T, Future[R]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def ask(self, request: T) -> Future[R]:
        """Queue a request; a future that is cancelled before its turn costs nothing."""
        answer: Future[R] = Future()
        self._asked.put((request, answer))
        return answer

    def close(self) -> None:
        """Answer what was asked before, and end the thread."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._asked.get()) is not None:
            batch, is_last = self._collect(first)
            wanted = [(request, answer) for request, answer in batch if answer.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)
            if is_last:
                return

    def _collect(self, first: tuple[T, Future[R]]) -> tuple[list[tuple[T, Future[R]]], bool]:
        """Return a batch, and whether closing was asked for meanwhile."""
        batch, until = [first], time.monotonic() + self._wait_s
        while len(batch) < self._largest:
            try:
                asked = self._asked.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if asked is None:
                return batch, True
            batch.append(asked)
        return batch, False

    def _answer(self, wanted: list[tuple[T, Future[R]]]) -> None:
        answers: list[Future[Any]] = [answer for _, answer in wanted]
        try:
            results = self._function([request for request, _ in wanted])
            for answer, result in zip(answers, results, strict=True):
                answer.set_result(result)
        except Exception as error:  # the thread must live on; whoever asked is told
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
