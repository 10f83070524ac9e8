"""What the site needs beyond the pages: those that lie elsewhere in the repository, and no links out of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Page of the site -> file of the repository."""

_OUTWARD = re.compile(r"\[([^\]]+)\]\(\.\./([^)\s]+)\)")


def on_files(files: Any, *, config: Any) -> Any:
    """Add pages that lie beside docs/, with links as from within it."""
    from mkdocs.structure.files import File

    for page, name in ELSEWHERE.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        text = text.replace("](docs/", "](").replace("](CHANGELOG.md)", "](changelog.md)")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to files of the repository into links to their pages, or into their plain names."""
    pages = {name: page for page, name in ELSEWHERE.items()}

    def inward(link: re.Match[str]) -> str:
        text, target = link.groups()
        return f"[{text}]({pages[target]})" if target in pages else text

    return _OUTWARD.sub(inward, markdown)
