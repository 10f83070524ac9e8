"""One report per protocol: sections of tables and figures as one page, and each of them as a file of its own.

``FOLDER/report.html`` needs no other file; ``FOLDER/figures/NAME.png|svg|csv`` are each figure and what is drawn in it,
``FOLDER/tables/NAME.csv`` the numbers of each table, unrounded.

How a table's columns are shown: the first heads the rows. NAME_low and NAME_high beside NAME (or low and high beside
value) are its interval, in one cell with it. Names that end in "fraction" are in percent, "p" and "p_..." are p values.
A column "cell" names the file or files (several in one text parted by ";") that the row was computed from.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.figure_files import (
    ReportFigure,
    check_names,
    draw_files,
    frame_csv,
    in_figures_folder,
    picture,
    write_files,
)
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.frame_table import frame_table
from ssrl_ecg.evaluation.pages import Picture, render
from ssrl_ecg.evaluation.tables import Table
from ssrl_ecg.files import jsonable

__all__ = ["ReportFigure", "ReportSection", "ReportTable", "failed_sections", "write_protocol_report"]


@dataclass(frozen=True)
class ReportTable:
    """A table of a report.

    Attributes:
        name: of its file: small letters, digits, "-" and "_".
        caption: the line above it.
        frame: one row per line; see this module for what columns' names mean.
    """

    name: str
    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class ReportSection:
    """A headed part of a report: text (an empty line parts paragraphs), figures, tables."""

    title: str
    text: str
    tables: tuple[ReportTable, ...] = ()
    figures: tuple[ReportFigure, ...] = ()


def failed_sections(sentences: Sequence[str]) -> list[ReportSection]:
    """Name what failed in a section of its own; nothing failed, no section.

    Args:
        sentences: from ``cells.describe_failures``.
    """
    return [ReportSection("What failed", "\n\n".join(sentences))] if sentences else []


@dataclass(frozen=True)
class _ShownSection:
    title: str
    paragraphs: list[str]
    pictures: list[Picture]
    tables: list[Table]


def write_protocol_report(
    folder: Path,
    title: str,
    sections: Sequence[ReportSection],
    provenance: Mapping[str, object],
    style: FigureStyle = "screen",
) -> Path:
    """Write the page, and every figure and table as files.

    Everything is drawn before anything is written; each file is replaced whole or not at all.

    Args:
        folder: made if missing; earlier files of the same names are replaced.
        title: heading of the page.
        sections: what it says, in order.
        provenance: how the numbers came about, such as the record in ``run.json``.
        style: "publication" for figures that can go into a journal.

    Returns:
        Path of ``report.html``.

    Raises:
        ValueError: a name that cannot be a file's, or that two figures or two tables share.
    """
    figures = [figure for section in sections for figure in section.figures]
    tables = [table for section in sections for table in section.tables]
    check_names(figure.name for figure in figures)
    check_names(table.name for table in tables)
    drawn = {figure.name: draw_files(figure, style) for figure in figures}
    page = render(
        "protocol_report.html.j2",
        title=title,
        sections=[_shown(section, drawn) for section in sections],
        **_provenance(provenance),
    )
    files = in_figures_folder(drawn) | {f"tables/{table.name}.csv": frame_csv(table.frame) for table in tables}
    write_files(folder, files | {"report.html": page.encode()})
    return folder / "report.html"


def _shown(section: ReportSection, drawn: Mapping[str, Mapping[str, bytes]]) -> _ShownSection:
    return _ShownSection(
        title=section.title,
        paragraphs=[text.strip() for text in section.text.split("\n\n") if text.strip()],
        pictures=[picture(figure, drawn[figure.name]) for figure in section.figures],
        tables=[
            frame_table(table.caption, table.frame, {"CSV": f"tables/{table.name}.csv"}) for table in section.tables
        ],
    )


def _provenance(provenance: Mapping[str, object]) -> dict[str, Any]:
    """Parts of the page's end: the command, short facts as text, and long ones to be unfolded."""
    record = dict(provenance)
    command = record.pop("command", "")
    short = {name: text for name, text in ((name, _line(value)) for name, value in record.items()) if text is not None}
    long = {name: value for name, value in record.items() if name not in short}
    return {
        "command": shlex.join(map(str, command)) if isinstance(command, (list, tuple)) else str(command),
        "facts": {_words(name): text for name, text in short.items()},
        "details": {
            _words(name): json.dumps(jsonable(value), indent=2, ensure_ascii=False) for name, value in long.items()
        },
    }


def _line(value: object) -> str | None:
    """A value as one line of text; None if it is nested."""
    if isinstance(value, Mapping):
        parts = list(_flat(value))
        return ", ".join(parts) if len(parts) == len(value) else None
    if isinstance(value, (list, tuple)):
        return None
    return "not known" if value is None else str(value)


def _flat(value: Mapping[Any, Any]) -> Iterator[str]:
    for name, item in value.items():
        if not isinstance(item, (Mapping, list, tuple)):
            yield f"{name} {item}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
