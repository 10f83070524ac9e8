"""``run_experiments.py`` at the root of the repository: all published phases in order, each resumed or skipped."""

from __future__ import annotations

import json
import shlex
import sys

from ssrl_ecg.cli.exits import DONE, run_guarded
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.published_phases import ExperimentsOptions, phases
from ssrl_ecg.files import atomic_path, write_json

DIARY = "run_experiments.json"
"""Finished phases and their commands, in the folder of results."""


def run_phases(options: ExperimentsOptions) -> None:
    """Run, or in a dry run print, what an earlier run has not finished, then write the summary."""
    diary = options.results_dir / DIARY
    finished: dict[str, list[str]] = json.loads(diary.read_text(encoding="utf-8")) if diary.is_file() else {}
    for phase in phases(options):
        if finished.get(phase.name) == phase.command and phase.product.exists():
            print(f"{phase.name}: finished before")
            continue
        print(f"{phase.name}: {shlex.join(phase.command)}", flush=True)
        if not options.dry_run:
            phase.run()
            finished[phase.name] = phase.command
            write_json(diary, finished)
    if not options.dry_run:
        write_summary(options)


def write_summary(options: ExperimentsOptions) -> None:
    """Write ``RESULTS_SUMMARY.md``: the label-scarcity table and what every evaluation printed."""
    path = options.results_dir / "label_scarcity_benchmark.json"
    found = json.loads(path.read_text(encoding="utf-8"))["label_scarcity"]
    lines = [
        "# Results",
        "",
        "## Label scarcity",
        "",
        "| labels | track | AUROC by seed | F1 by seed |",
        "|---|---|---|---|",
    ]
    for fraction, tracks in found.items():
        for track, scores in tracks.items():
            if not scores["auroc"]:  # not run: there is no encoder
                continue
            cells = (" ".join(map(_number, scores[metric])) for metric in ("auroc", "f1"))
            lines.append(f"| {100 * float(fraction):g} % | {track} | {' | '.join(cells)} |")
    lines += ["", "Curves: label_scarcity_comparison.png; intervals and label equivalences: report.html"]
    for phase in phases(options):
        if phase.is_printed:
            text = phase.product.read_text(encoding="utf-8").strip()
            lines += ["", f"## {phase.name.capitalize()}", "", "```", text, "```"]
    with atomic_path(options.results_dir / "RESULTS_SUMMARY.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"summary: {options.results_dir / 'RESULTS_SUMMARY.md'}")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def main(argv: list[str] | None = None) -> int:
    """Run ``run_experiments.py``."""

    def command() -> int:
        words = sys.argv[1:] if argv is None else argv
        run_phases(parse(ExperimentsOptions, words, "python run_experiments.py"))
        return DONE

    return run_guarded(command)
