"""The picture of an inspection: one page to see what a dataset is before anything is trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssrl_ecg.data.inspect import EXAMPLE_LEAD, PROBLEMS, Inspection
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path

_BAR, _PALE, _PAPER = "#33658a", "#c9d9e6", "#f2b8b5"
_BELOW_MV, _ABOVE_MV = 1.0, 2.0
"""Height of an example's strip below and above its median."""
_SHOWN_CLASSES = 12


def plot_inspection(inspection: Inspection, path: str | Path) -> None:
    """Draw classes, folds, amplitudes, patients, quality and a few records on one page.

    The picture shows signals: of open recordings it may be passed on with attribution, of others not.

    Args:
        inspection: what to draw.
        path: PNG, PDF or SVG by its suffix.

    Raises:
        InputError: another suffix.
    """
    path = Path(path)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise InputError("unknown picture format", file=path, expected=".png, .pdf or .svg", found=path.suffix or None)
    with rc_context({"font.size": 9, "axes.titlelocation": "left"}):
        height_in = 1.2 * max(len(inspection.examples), 1)
        figure = Figure(figsize=(13, 6 + height_in), layout="constrained")
        figure.suptitle(inspection.headline(), x=0.01, ha="left", fontweight="bold")
        top, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=[2.6, 2.6, height_in + 0.8])[:, 0]
        classes, folds, patients = top.subplots(1, 3, width_ratios=[3, 2, 1])
        amplitudes, quality = middle.subplots(1, 2)
        _draw_classes(classes, inspection)
        _draw_counts(folds, "records per fold", inspection.folds)
        _draw_counts(patients, "patients by records", inspection.records_per_patient)
        _draw_amplitudes(amplitudes, inspection)
        _draw_quality(quality, inspection)
        _draw_examples(bottom.subplots(), inspection)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], dpi=110)


def _draw_bars(axes: Axes, counts: dict[str, int], n_records: int, longest: float) -> None:
    """Horizontal bars from top to bottom, each with its count and its share of the records at its end."""
    bars = axes.barh(range(len(counts)), list(counts.values()), color=_BAR, height=0.7)
    axes.bar_label(bars, [f"{count} ({count / max(n_records, 1):.2%})" for count in counts.values()], padding=3)
    axes.set_yticks(range(len(counts)), list(counts))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * longest)
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)


def _draw_classes(axes: Axes, inspection: Inspection) -> None:
    if inspection.main_label_set is None:
        axes.set_title("no labels")
        axes.set_axis_off()
        return
    summary = inspection.label_sets[inspection.main_label_set]
    shown = summary.most_frequent(_SHOWN_CLASSES)
    _draw_bars(axes, shown, summary.n_known, max(*shown.values(), 1))
    n_classes = len(summary.counts)
    more = f", {len(shown)} of {n_classes} classes" if n_classes > len(shown) else ""
    axes.set_title(f"label set {inspection.main_label_set}: {summary.n_known} records known{more}")


def _draw_counts(axes: Axes, title: str, counts: dict[int, int]) -> None:
    bars = axes.bar([str(key) for key in counts], list(counts.values()), color=_BAR, width=0.7)
    axes.bar_label(bars)
    axes.set_title(title)
    axes.yaxis.set_visible(False)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _draw_amplitudes(axes: Axes, inspection: Inspection) -> None:
    names = ("whislo", "q1", "med", "q3", "whishi")
    boxes = [dict(zip(names, values, strict=True)) for values in inspection.peak_to_peak_mv.values()]
    axes.bxp(boxes, showfliers=False, patch_artist=True, boxprops={"facecolor": _PALE}, medianprops={"color": "black"})
    axes.set_xticks(range(1, len(boxes) + 1), list(inspection.peak_to_peak_mv))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mV")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("peak to peak per record: median, quartiles, 1st and 99th percentile")


def _draw_quality(axes: Axes, inspection: Inspection) -> None:
    counts = {PROBLEMS[name]: count for name, count in inspection.quality.counts().items()}
    counts["rejected, for whatever reason"] = len(inspection.rejected)
    n_all = inspection.n_records + len(inspection.rejected)
    _draw_bars(axes, counts, n_all, max(*counts.values(), 0.05 * n_all))  # a few must not look like many
    axes.set_title("records that look wrong")


def _draw_examples(axes: Axes, inspection: Inspection) -> None:
    """Draw the examples below each other on the grid of ECG paper, cut where they leave their strip."""
    n_strips = max(len(inspection.examples), 1)
    for position, example in enumerate(inspection.examples):
        time_s = np.arange(len(example.signal_mv)) / inspection.sampling_rate_hz
        centred_mv = (example.signal_mv - np.median(example.signal_mv)).clip(-_BELOW_MV, _ABOVE_MV)
        bottom_mv = (n_strips - 1 - position) * (_BELOW_MV + _ABOVE_MV)
        axes.plot(time_s, centred_mv + bottom_mv + _BELOW_MV, color="black", linewidth=0.8)
        more = ", ..." if len(example.classes) > _SHOWN_CLASSES else ""
        text = f"{example.record_id}  {', '.join(example.classes[:_SHOWN_CLASSES])}{more}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(0.03, bottom_mv + 0.1, text, va="bottom", fontweight="bold", bbox=box).set_in_layout(False)
    axes.set_xlim(0, inspection.duration_s)
    axes.set_ylim(0, n_strips * (_BELOW_MV + _ABOVE_MV))
    axes.set_xticks(np.arange(0, inspection.duration_s + 0.1))
    axes.set_xticks(np.arange(0, inspection.duration_s, 0.2), minor=True)
    axes.set_yticks(np.arange(0, n_strips * (_BELOW_MV + _ABOVE_MV), 0.5), labels=[])
    axes.grid(which="both", color=_PAPER, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("s")
    axes.set_title(f"lead {EXAMPLE_LEAD}, one record of each frequent class, 0.2 s by 0.5 mV between lines")
