"""Self-contained HTML pages: one layout, one style sheet and one short script for all reports, nothing to load."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ssrl_ecg import __version__

_FOLDER = Path(__file__).parent / "page"


@dataclass(frozen=True)
class Picture:
    """An embedded figure.

    Attributes:
        uri: the figure itself, as a data URI.
        alt: what a reader who cannot see it is told.
        caption: the line below it.
        files: name of a link -> path of the same figure or of its data, from the page's folder.
    """

    uri: str
    alt: str
    caption: str
    files: dict[str, str] = field(default_factory=dict)


def svg_uri(svg: bytes) -> str:
    """An SVG file as a data URI."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def render(template: str, *, title: str, script_name: str = "sort_tables.js", **content: Any) -> str:
    """Fill a template of the page folder; everything in the content is escaped.

    The page allows no script but this one of the page folder, which its security policy names by its hash.
    """
    script = (_FOLDER / script_name).read_text(encoding="utf-8")
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            style=style_sheet("page.css"),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
            version=__version__,
            **content,
        )
    )


def fragment(template: str, macro: str, **content: Any) -> str:
    """Fill one macro of a template of the page folder, for a page that somebody else makes; everything is escaped."""
    module: Any = _environment().get_template(template).module
    return str(getattr(module, macro)(**content))


def style_sheet(name: str) -> str:
    """A style sheet of the page folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
