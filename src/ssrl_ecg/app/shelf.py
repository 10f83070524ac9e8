"""What visitors may still ask for: in memory, for a limited time, under names that nobody can guess."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from ssrl_ecg.errors import InputError

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keeps things; may be used by several threads.

    Args:
        keep_s: how long.
        max_kept: how many; the oldest go first.
        clock: seconds that pass.
    """

    def __init__(self, keep_s: float, max_kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s, self._max_kept, self._clock = keep_s, max_kept, clock
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, thing: T, token: str | None = None) -> str:
        """Keep a thing, in place of the one that a name stands for or under a new name, and return the name."""
        token = token or secrets.token_urlsafe(16)
        with self._lock:
            self._kept[token] = (self._clock(), thing)
            self._kept.move_to_end(token)
            self._forget()
        return token

    def find(self, token: str) -> T:
        """Return what is kept under a name.

        Raises:
            InputError: nothing, or nothing any more.
        """
        with self._lock:
            self._forget()
            if token not in self._kept:
                raise InputError("this recording is not kept any more: open it again")
            return self._kept[token][1]

    def take(self, token: str) -> T:
        """Return what is kept under a name, and keep it no longer; see ``find``."""
        thing = self.find(token)
        with self._lock:
            self._kept.pop(token, None)
        return thing

    def sweep(self) -> None:
        """Let go what nobody can find any more; whoever keeps a shelf calls this now and then."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        """Let go what is too old, and the oldest of too many."""
        while self._kept:
            kept_at, _ = next(iter(self._kept.values()))
            if len(self._kept) <= self._max_kept and self._clock() - kept_at <= self._keep_s:
                return
            self._kept.popitem(last=False)
