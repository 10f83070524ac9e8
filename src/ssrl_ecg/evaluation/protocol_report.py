"""One report per protocol: sections of tables and figures as one page, and each of them as a file of its own.

``FOLDER/report.html`` needs no other file; ``FOLDER/figures/NAME.png|svg|csv`` are each figure and what is drawn in it,
``FOLDER/tables/NAME.csv`` the numbers of each table, unrounded.

How a table's columns are shown: the first heads the rows. NAME_low and NAME_high beside NAME (or low and high beside
value) are its interval, in one cell with it. Names that end in "fraction" are in percent, "p" and "p_..." are p values.
A column "cell" names the file or files (several in one text parted by ";") that the row was computed from.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.figures import Draw, FigureStyle, draw_figure, figure_bytes, figure_style
from ssrl_ecg.evaluation.frame_table import frame_table
from ssrl_ecg.evaluation.pages import Picture, render, svg_uri
from ssrl_ecg.evaluation.tables import Table
from ssrl_ecg.files import atomic_path, jsonable

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


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
class ReportFigure:
    """A figure of a report.

    Attributes:
        name: of its files: small letters, digits, "-" and "_".
        caption: the line below it.
        frame: everything that is drawn, one row per mark; a column "cell" as in a table.
        draw: draws the table on one plot, such as ``curve_with_intervals`` of ``figures.py``.
        panel: column whose values part the table into small plots; empty for one plot.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    draw: Draw
    panel: str = ""


@dataclass(frozen=True)
class ReportSection:
    """A headed part of a report: text (an empty line parts paragraphs), figures, tables."""

    title: str
    text: str
    tables: tuple[ReportTable, ...] = ()
    figures: tuple[ReportFigure, ...] = ()


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
    figures = _by_name([figure for section in sections for figure in section.figures])
    tables = _by_name([table for section in sections for table in section.tables])
    drawn = {name: draw_files(figure, style) for name, figure in figures.items()}
    page = render(
        "protocol_report.html.j2",
        title=title,
        sections=[_shown(section, drawn) for section in sections],
        **_provenance(provenance),
    )
    files = {f"figures/{name}.{kind}": content for name, one in drawn.items() for kind, content in one.items()}
    files |= {f"tables/{name}.csv": frame_csv(table.frame) for name, table in tables.items()}
    for path, content in (files | {"report.html": page.encode()}).items():
        with atomic_path(folder / path) as temporary:
            temporary.write_bytes(content)
    return folder / "report.html"


def draw_files(figure: ReportFigure, style: FigureStyle = "screen") -> dict[str, bytes]:
    """A figure as "png" and "svg", and its data as "csv"; one with nothing to draw has its data alone."""
    files = {"csv": frame_csv(figure.frame)}
    if len(figure.frame):
        with figure_style(style):
            drawing = draw_figure(figure.frame, figure.draw, figure.panel)
            files |= {"svg": figure_bytes(drawing, "svg"), "png": figure_bytes(drawing, "png")}
    return files


def frame_csv(frame: pd.DataFrame) -> bytes:
    """A table as CSV, numbers unrounded, an undefined one as an empty field."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _by_name(parts: Sequence[Any]) -> dict[str, Any]:
    named = {part.name: part for part in parts}
    names = [part.name for part in parts]
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise ValueError(f"{name!r} cannot name a file of a report: expected a-z, 0-9, - and _, each name once")
    return named


def _shown(section: ReportSection, drawn: Mapping[str, Mapping[str, bytes]]) -> _ShownSection:
    return _ShownSection(
        title=section.title,
        paragraphs=[text.strip() for text in section.text.split("\n\n") if text.strip()],
        pictures=[_picture(figure, drawn[figure.name]) for figure in section.figures],
        tables=[
            frame_table(table.caption, table.frame, {"CSV": f"tables/{table.name}.csv"}) for table in section.tables
        ],
    )


def _picture(figure: ReportFigure, files: Mapping[str, bytes]) -> Picture:
    links = {kind.upper(): f"figures/{figure.name}.{kind}" for kind in sorted(files, reverse=True)}
    alt = f"{figure.caption} Its data are in figures/{figure.name}.csv."
    return Picture(svg_uri(files["svg"]) if "svg" in files else "", alt, figure.caption, links)


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
    return None if isinstance(value, (list, tuple)) else str(value)


def _flat(value: Mapping[Any, Any]) -> Iterator[str]:
    for name, item in value.items():
        if not isinstance(item, (Mapping, list, tuple)):
            yield f"{name} {item}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
