"""``ssrl-ecg report``: make the page and figures of finished results again, such as for a journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.leaderboard import read_leaderboard
from ssrl_ecg.evaluation.leaderboard_page import write_leaderboard_page
from ssrl_ecg.evaluation.report import read_results, write_report


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Make report.html, its figures and tables again from the numbers alone; nothing is computed or trained.

    The ECGs of examples are not among the numbers, so the page comes without their pictures.
    """

    results: Path
    """File results.json of a comparison, or leaderboard.json of a leaderboard."""
    out: Path
    """Folder of the report."""
    style: FigureStyle = "screen"
    """"publication" makes figures that can go into a journal."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(ReportOptions, argv, "ssrl-ecg report")
    print(f"report: {_write(options)}")
    return DONE


def _write(options: ReportOptions) -> Path:
    if options.results.name == "results.json":
        return write_report(read_results(options.results), options.out, options.style)
    if options.results.name == "leaderboard.json":
        leaderboard, run = read_leaderboard(options.results)
        return write_leaderboard_page(leaderboard, run, options.out, options.style)
    raise InputError("no such results", file=options.results, expected="results.json or leaderboard.json")
