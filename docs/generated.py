"""What the programs that write pages share: tables, and writing a page or checking it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def row(*cells: str) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table."""
    return [row(*headings), row(*["---"] * len(headings)), *(row(*cells) for cells in rows)]


def write_or_check(words: list[str], target: Path, document: Callable[[], str]) -> int:
    """Write the page, or with ``--check`` compare it: 1 where it is missing or stale."""
    if words == ["--check"]:
        return int(not target.exists() or target.read_text(encoding="utf-8") != document())
    target.write_text(document(), encoding="utf-8")
    return 0
