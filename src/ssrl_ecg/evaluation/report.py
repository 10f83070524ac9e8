"""One folder per report: ``results.json`` with the numbers and ``report.html``, from one ``ReportData``."""

from __future__ import annotations

import json
from pathlib import Path

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.report_data import Curves, DataFacts, Example, ReportData, RunFacts, TrainingCurve
from ssrl_ecg.evaluation.report_page import render_page
from ssrl_ecg.evaluation.report_scores import ClassScore, Comparison, GroupScore, Row
from ssrl_ecg.files import atomic_path, write_json

__all__ = [
    "ClassScore",
    "Comparison",
    "Curves",
    "DataFacts",
    "Example",
    "GroupScore",
    "ReportData",
    "Row",
    "RunFacts",
    "TrainingCurve",
    "read_results",
    "write_report",
]


def write_report(data: ReportData, folder: str | Path) -> Path:
    """Write ``results.json`` and ``report.html`` into ``folder``, which is made if missing.

    The page is rendered before anything is written, and each file is replaced whole or not at all. The signals of the
    examples are only in the page's pictures.

    Args:
        data: what the report says.
        folder: where the two files go; earlier ones are replaced.

    Returns:
        Path of ``report.html``.
    """
    page = render_page(data)
    target = Path(folder) / "report.html"
    write_json(target.with_name("results.json"), data.to_dict())
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def read_results(path: str | Path) -> ReportData:
    """Read ``results.json`` back; the examples come without their signals.

    Raises:
        InputError: if the file is missing, is not JSON, or does not hold a report.
    """
    try:
        tree = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from error
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", file=path) from error
    try:
        return ReportData.from_dict(tree)
    except InputError as error:
        raise InputError(
            error.what, file=path, field=error.field, expected=error.expected, found=error.found
        ) from error
