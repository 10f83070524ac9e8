"""One folder per report: ``results.json`` with the numbers, ``report.html`` and figures, from one ``ReportData``."""

from __future__ import annotations

from pathlib import Path

from ssrl_ecg.evaluation.figure_files import write_files
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.report_data import Curves, DataFacts, Example, ReportData, RunFacts, TrainingCurve
from ssrl_ecg.evaluation.report_page import make_page
from ssrl_ecg.evaluation.report_scores import ClassScore, Comparison, GroupScore, Row
from ssrl_ecg.evaluation.typed_json import decode_file, read_tree
from ssrl_ecg.files import write_json

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


def write_report(data: ReportData, folder: str | Path, style: FigureStyle = "screen") -> Path:
    """Write ``results.json``, ``report.html`` and ``figures/NAME.png|svg|csv`` into ``folder``, made if missing.

    Everything is drawn before anything is written, and each file is replaced whole or not at all. The signals of the
    examples are only in the page's pictures.

    Args:
        data: what the report says.
        folder: where the files go; earlier ones are replaced.
        style: "publication" for figures that can go into a journal.

    Returns:
        Path of ``report.html``.
    """
    files = make_page(data, style)
    write_json(Path(folder) / "results.json", data.to_dict())
    write_files(Path(folder), files)
    return Path(folder) / "report.html"


def read_results(path: str | Path) -> ReportData:
    """Read ``results.json`` back; the examples come without their signals.

    Raises:
        InputError: if the file is missing, is not JSON, or does not hold a report.
    """
    return decode_file(ReportData, read_tree(path), "results", path)
