"""Write docs/llms.txt, an index of the pages for language models (https://llmstxt.org), from the nav of mkdocs.yml.

Run ``python docs/make_llms.py`` after adding a page; ``--check`` only says whether the file is current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from generated import write_or_check
from site_hooks import ELSEWHERE, ROOT

DOCS = Path(__file__).parent
TARGET = DOCS / "llms.txt"
NO_PROSE = ("#", "|", ">", "<", "- ", ":::", "```", "    ", "Written by")
SHORTEST = 50
"""Characters of a paragraph that says something; "Research use." is shorter."""


def pages(nav: list[Any], section: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (section, title, page) of every page in the order of the nav."""
    for entry in nav:
        for title, below in entry.items():
            if isinstance(below, str):
                yield section, title, below
            else:
                yield from pages(below, title)


def first_sentence(page: str) -> str:
    """Return what a page says first in prose, without marks of links and code."""
    path = ROOT / ELSEWHERE[page] if page in ELSEWHERE else DOCS / page
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    prose = (block for block in blocks if len(block) > SHORTEST and not block.startswith(NO_PROSE))
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", " ".join(next(prose, "").split()))
    return re.split(r"(?<=[.?!])\s(?=[A-Z])", re.sub(r"[`*]", "", text), maxsplit=1)[0].rstrip(":")


def document() -> str:
    """Return the whole index."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}"]
    heading = ""
    for section, title, page in pages(site["nav"]):
        if section != heading:
            lines += ["", f"## {section}", ""]
            heading = section
        elif not section:
            lines += [""]
        about = first_sentence(page)
        lines.append(f"- [{title}]({page}){f': {about}' if about else ''}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(sys.argv[1:], TARGET, document))
