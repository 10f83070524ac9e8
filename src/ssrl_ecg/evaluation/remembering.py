"""A function that remembers its answers, and can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembering(Generic[T]):
    """Calls a function once per question; sent to another process, it takes the function along but no answer.

    Args:
        find: function of hashable arguments.
        most: how many answers are kept, the last ones asked for; None for all.
    """

    def __init__(self, find: Callable[..., T], most: int | None = None) -> None:
        self._made_of = find, most
        self._remembered = lru_cache(most)(find)

    def __call__(self, *question: Hashable) -> T:
        """Answer from memory, or find out."""
        return self._remembered(*question)

    def __getstate__(self) -> tuple[Callable[..., T], int | None]:
        return self._made_of

    def __setstate__(self, made_of: tuple[Callable[..., T], int | None]) -> None:
        self._made_of = made_of
        self._remembered = lru_cache(made_of[1])(made_of[0])
