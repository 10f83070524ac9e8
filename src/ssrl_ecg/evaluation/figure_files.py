"""A figure of a report: what is drawn and how, and its files: PNG, SVG, and what is drawn as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ssrl_ecg.evaluation.figures import Draw, FigureStyle, draw_figure, figure_bytes, figure_style
from ssrl_ecg.evaluation.pages import Picture, svg_uri
from ssrl_ecg.files import atomic_path

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a report.

    Attributes:
        name: of its files: small letters, digits, "-" and "_".
        caption: the line below it.
        frame: everything that is drawn, one row per mark; a column "cell" as in a table.
        draw: draws the table on one plot, such as ``curve_with_intervals`` of ``figures.py``.
        panel: column whose values part the table into small plots; empty for one plot.
        alt: what a reader who cannot see it is told; without it the caption and where the data are.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    draw: Draw
    panel: str = ""
    alt: str = ""


def draw_files(figure: ReportFigure, style: FigureStyle = "screen") -> dict[str, bytes]:
    """A figure as "png" and "svg", and its data as "csv"; one with nothing to draw has its data alone."""
    files = {"csv": frame_csv(figure.frame)}
    if len(figure.frame):
        with figure_style(style):
            drawing = draw_figure(figure.frame, figure.draw, figure.panel)
            files |= {"png": figure_bytes(drawing, "png"), "svg": figure_bytes(drawing, "svg")}
    return files


def frame_csv(frame: pd.DataFrame) -> bytes:
    """A table as CSV, numbers unrounded, an undefined one as an empty field."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def picture(figure: ReportFigure, files: Mapping[str, bytes]) -> Picture:
    """A drawn figure for a page, with links to its files."""
    links = {kind.upper(): f"figures/{figure.name}.{kind}" for kind in ("png", "svg", "csv") if kind in files}
    uri = svg_uri(files["svg"]) if "svg" in files else ""
    return Picture(uri, figure.alt or f"{figure.caption} Its data are in {links['CSV']}.", figure.caption, links)


def in_figures_folder(drawn: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """Name -> kind -> content of drawn figures as path -> content, paths from the page's folder."""
    return {f"figures/{name}.{kind}": content for name, one in drawn.items() for kind, content in one.items()}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files (path from the folder -> content), each whole or not at all."""
    for path, content in files.items():
        with atomic_path(folder / path) as temporary:
            temporary.write_bytes(content)


def file_name(text: str) -> str:
    """A name that a figure's or table's files can have: small letters and digits, the rest as hyphens."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that cannot be a file's, or that come twice.

    Raises:
        ValueError: the first such name.
    """
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name) or name in seen:
            raise ValueError(f"{name!r} cannot name a file of a report: expected a-z, 0-9, - and _, each name once")
        seen.add(name)
