"""Tables of text as a page shows them, and how numbers are written in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it says.
        detail: a second line in small print.
        mark: letter of a footnote.
        strong: whether it is set in bold.
        value: the number to sort by, exact where the text is rounded; None sorts by the text.
        sources: files that the row was computed from; unfolded by a click on the text.
    """

    text: str
    detail: str = ""
    mark: str = ""
    strong: bool = False
    value: float | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Rows under one heading (none if empty): pairs of row header and cells."""

    heading: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass
class Table:
    """A captioned table.

    Attributes:
        caption: the line above it.
        columns: column headers; the first heads the row headers.
        groups: rows under headings; sorting keeps them there.
        notes: letter -> footnote.
        files: name of a link -> path of the same numbers, from the page's folder.
    """

    caption: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def mark(self, reason: str) -> str:
        """Letter of the footnote that gives this reason; the same reason keeps its letter."""
        for letter, known in self.notes.items():
            if known == reason:
                return letter
        letter = chr(ord("a") + len(self.notes))
        self.notes[letter] = reason
        return letter

    def missing(self, reason: str) -> Cell:
        """The cell of a number that is not there."""
        return Cell("–", mark=self.mark(reason))


def number(value: float) -> str:
    """Three decimals, with a true minus sign."""
    return f"{value:.3f}".replace("-", "−")


def signed(value: float) -> str:
    """Three decimals and always a sign; a difference that rounds to nothing has none."""
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def significant(value: float, largest: float) -> str:
    """As many decimals as leave the largest number of a column four digits, and three at most."""
    decimals = 3 if not largest >= 10 else max(0, 4 - len(f"{largest:.0f}"))
    return f"{value:,.{decimals}f}".replace("-", "−")


def interval(low: float, high: float, write: Callable[[float], str] = number) -> str:
    """``[low, high]`` that stays on one line; empty where the interval is undefined."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{write(low)},{_NBSP}{write(high)}]"


def estimate(value: float, low: float, high: float, write: Callable[[float], str] = number) -> str:
    """A number with its interval, if that is defined, on one line."""
    return f"{write(value)}{_NBSP}{interval(low, high, write)}".rstrip(_NBSP)


def percent(fraction: float) -> str:
    """A fraction in percent, at most three digits and never broken over two lines."""
    return f"{fraction * 100:.3g}{_NBSP}%"


def p_value(p: float) -> str:
    """Three decimals, and "< 0.001" below."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def counted(count: int, noun: str) -> str:
    """Count and noun: "1 seed", "10 subsets"."""
    return f"{count:,}{_NBSP}{noun}{'' if count == 1 else 's'}"


def score_cell(value: float) -> Cell:
    """A number with three decimals, sorted by all of them."""
    return Cell(number(value), value=value)
