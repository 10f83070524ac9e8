"""How figures look: colours that everybody can tell apart, and two styles, for a screen and for a journal's page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import matplotlib as mpl

FigureStyle: TypeAlias = Literal["screen", "publication"]

# Okabe & Ito's colour-blind-safe palette; orange and sky blue are darkened and yellow is left out, so that every
# colour stands out from white by 3:1 (WCAG 2.2, success criterion 1.4.11).
COLORS = ("#0072b2", "#d55e00", "#008a64", "#b5588a", "#8f6400", "#3d3d8f")
_MARKERS = ("o", "s", "D", "^", "v", "P")
FLOOR_COLORS = ("#6b6b6b", "#8c8c8c")
_FLOOR_DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (9, 3)))
INK, FAINT = "#26262e", "#d5d5da"

_SCREEN: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "figure.figsize": (7.6, 4.4),
    "savefig.dpi": 150.0,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "errorbar.capsize": 2.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
}
# 183 mm is the width of two columns in most journals, where 7 pt is the least that may be printed.
_PUBLICATION: dict[Any, Any] = _SCREEN | {
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "figure.figsize": (183 / 25.4, 4.0),
    "savefig.dpi": 300.0,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.0,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.grid": False,
    "xtick.color": INK,
    "ytick.color": INK,
}
_AGAIN = (0, (5, 1.2))
_STYLES: dict[FigureStyle, dict[Any, Any]] = {"screen": _SCREEN, "publication": _PUBLICATION}


@contextmanager
def figure_style(style: FigureStyle = "screen") -> Iterator[None]:
    """Draw and save in a style inside this context; matplotlib's settings are as before afterwards."""
    with mpl.rc_context(_STYLES[style]):
        yield


def set_publication_style() -> None:
    """Make every figure of this process journal-ready: 300 dpi, 183 mm wide, 7-8 pt sans-serif, thin lines, no grid.

    For notebooks and scripts; ``figure_style`` does the same for a while.
    """
    mpl.rcParams.update(_PUBLICATION)


@dataclass(frozen=True)
class LineStyle:
    """How one series is drawn everywhere: ``line`` as matplotlib's linestyle, ``marker`` as its marker."""

    color: str
    line: Any
    marker: str


def line_styles(names: Sequence[str], floors: Collection[str] = ()) -> dict[str, LineStyle]:
    """Give each series a style: colour and marker for what is compared, grey dashes for floors.

    Args:
        names: names in the order of the page; after six compared ones the colours repeat with another marker and a
            broken line.
        floors: those of the names that are floors.
    """
    styles: dict[str, LineStyle] = {}
    for name in names:
        if name in floors:
            place = sum(other in floors for other in styles)
            shade, dash = divmod(place, len(_FLOOR_DASHES))
            styles[name] = LineStyle(FLOOR_COLORS[shade % len(FLOOR_COLORS)], _FLOOR_DASHES[dash], "")
        else:
            place = sum(other not in floors for other in styles)
            marker = _MARKERS[(place + place // len(COLORS)) % len(_MARKERS)]
            line = "-" if place < len(COLORS) else _AGAIN
            styles[name] = LineStyle(COLORS[place % len(COLORS)], line, marker)
    return styles
