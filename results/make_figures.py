"""Draw the figures of the README from the files in this folder: ``python results/make_figures.py [--check]``.

Each is a picture and, as CSV, what it shows, in ``docs/figures``. ``--check`` changes nothing and exits 1 if a CSV does
not say what the files say; pictures differ between versions of the library that draws them and are not compared.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ssrl_ecg.evaluation.figure_files import ReportFigure, draw_files, write_files
from ssrl_ecg.evaluation.figure_style import line_styles
from ssrl_ecg.evaluation.figures import curve_with_intervals

RESULTS = Path(__file__).parent
FIGURES = RESULTS.parent / "docs" / "figures"


def _load(folder: str) -> Any:
    return json.loads((RESULTS / folder / "results.json").read_text(encoding="utf-8"))


def labels() -> ReportFigure:
    """Macro AUROC against the number of labels, without validation labels."""
    shown = {
        "SimCLR frozen probe": "method", "SimCLR fine-tuned": "method", "supervised": "supervised",
        "random encoder probe": "floor", "MiniRocket + ridge": "floor", "ensemble of floors": "floor",
        "criteria, no label": "floor",
    }  # fmt: skip
    frame = pd.DataFrame(
        (row["name"], row["n_labels"] if row["label_fraction"] else 0, row["macro_auroc"], *row["interval"])
        for row in _load("few-labels")["rows"]
        if row["name"] in shown
    )
    frame.columns = pd.Index(["series", "x", "value", "low", "high"])
    amounts = sorted({int(one) for one in frame["x"] if one})
    draw = partial(
        curve_with_intervals, log_x=True, x_label="labelled records", y_label="macro AUROC (test)",
        tick_labels={one: f"{one:,}" for one in amounts},
        styles=line_styles(list(shown), [name for name, family in shown.items() if family == "floor"]),
    )  # fmt: skip
    return ReportFigure("labels", "", frame, draw)


def recorded_noise() -> ReportFigure:
    """Macro AUROC under recorded electrode motion against the signal-to-noise ratio."""
    shown = [
        "SimCLR fine-tuned", "SimCLR with noise fine-tuned", "supervised", "supervised with noise",
        "MiniRocket + ridge", "measurements + forest",
    ]  # fmt: skip
    frame = pd.DataFrame(
        (row["model"], row["severity"], row["auroc"], row["auroc_low"], row["auroc_high"])
        for row in _load("robustness")["scores"]
        if row["corruption"] == "nstdb-em" and row["model"] in shown
    )
    frame.columns = pd.Index(["series", "x", "value", "low", "high"])
    draw = partial(
        curve_with_intervals, x_label="signal-to-noise ratio in dB, electrode motion", y_label="macro AUROC (test)",
        styles=line_styles(shown, shown[-2:]),
    )  # fmt: skip
    return ReportFigure("recorded-noise", "", frame, draw)


def segmentation() -> ReportFigure:
    """Sample-wise macro F1 on LUDB against the share of marked patients."""
    rows = _load("segmentation")["samples"]
    frame = pd.DataFrame(
        (row["row"], row["label_fraction"], row["macro_f1"], row["macro_f1_low"], row["macro_f1_high"]) for row in rows
    )
    frame.columns = pd.Index(["series", "x", "value", "low", "high"])
    learns = frame.groupby("series")["x"].transform("max") > 0
    floors = frame.loc[~learns, "series"].tolist()
    frame = frame[~learns | (frame["x"] > 0) & (frame.groupby("series")["x"].transform("size") > 1)]
    draw = partial(
        curve_with_intervals, log_x=True, x_label="share of the training patients marked",
        y_label="sample-wise macro F1", tick_labels={one: f"{100 * one:g} %" for one in set(frame["x"]) if one},
        styles=line_styles(list(dict.fromkeys(frame["series"])), floors),
    )  # fmt: skip
    return ReportFigure("segmentation", "", frame, draw)


def every_figure() -> list[ReportFigure]:
    """Make all of them."""
    return [labels(), recorded_noise(), segmentation()]


def main() -> int:
    """Draw or check the figures."""
    stale, check = [], "--check" in sys.argv[1:]
    for figure in every_figure():
        files = {f"{figure.name}.{kind}": content for kind, content in draw_files(figure).items() if kind != "svg"}
        path = FIGURES / f"{figure.name}.csv"
        if not check:
            write_files(FIGURES, files)
        elif not path.exists() or path.read_bytes() != files[path.name]:
            stale.append(figure.name)
    if stale:
        sys.stderr.write(f"figures differ from results/: {', '.join(stale)}; run python results/make_figures.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
