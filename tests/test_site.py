"""The documentation builds strictly into a site that loads nothing from elsewhere, and its index names every page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    loaded = r"<(?:script|img|iframe)[^>]*\bsrc=[\"']?(?:https?:)?//|<link[^>]*\bhref=[\"']?(?:https?:)?//"
    assert not [page.name for page in pages if re.search(loaded, page.read_text(encoding="utf-8"))]


def test_docstrings_and_pages_from_elsewhere_are_part_of_it(site):
    assert "Einthoven" in (site / "api" / "signals" / "index.html").read_text(encoding="utf-8")
    assert "Add a method" in (site / "contributing" / "index.html").read_text(encoding="utf-8")
    assert (site / "llms.txt").read_text(encoding="utf-8") == (DOCS / "llms.txt").read_text(encoding="utf-8")


def test_index_for_language_models_is_current_and_names_every_page(site):
    check = [sys.executable, str(DOCS / "make_llms.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/llms.txt is stale: python docs/make_llms.py"
    listed = re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "llms.txt").read_text(encoding="utf-8"))
    assert {*listed} == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} | {
        "contributing.md",
        "changelog.md",
    }
