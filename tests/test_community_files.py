"""What hosting platforms read: the citation file and the forms for issues have the fields their formats demand."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssrl_ecg import __version__

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
FORMS = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/[!c]*.yml"))

CFF_FIELDS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords"),
    *("license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "title", "type", "url", "version"),
}
"""Top-level fields of the Citation File Format 1.2.0."""


def test_citation_file_has_the_fields_of_its_format_and_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"authors", "cff-version", "message", "title"} <= set(citation) <= CFF_FIELDS
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["authors"] == [{"name": "The ssrl_ecg authors"}]
    assert citation["license"] == "Apache-2.0"
    assert citation["version"] == __version__
    assert len(set(citation["keywords"])) == len(citation["keywords"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_can_be_filled_in(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "body", "labels", "title"}
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({field["id"] for field in asked}) == len(asked) >= 3
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_the_usual_files_are_there():
    names = ("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", ".github/pull_request_template.md")
    assert all((ROOT / name).stat().st_size > 300 for name in names)
