"""A 12-lead ECG drawn the way it is printed: 25 mm/s and 10 mm/mV on millimetre paper, to scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

PAPER_SPEED_MM_PER_S = 25.0
PAPER_GAIN_MM_PER_MV = 10.0

_STANDARD_DURATION_S, _COLUMN_S, _N_COLUMNS, _N_GROUP_ROWS = 10.0, 2.5, 4, 3
_PULSE_S, _PULSE_MV = 0.2, 1.0
_STANDARD_ROW_MM, _STACKED_ROW_MM = 30.0, 20.0
_LEFT_MM, _RIGHT_MM, _HEADER_MM, _HEADLINE_MM, _FOOTER_MM = 15.0, 5.0, 10.0, 15.0, 5.0
_MAX_EXTRA_MM = 40.0
_MM_PER_INCH = 25.4

_PAPER, _FINE, _COARSE, _TRACE, _TEXT, _MUTED = "#fffafa", "#f8dcdc", "#ecb0b0", "#16161d", "#333340", "#77707a"
_WAVES = ((1, "P", "#0072b2"), (2, "QRS", "#d55e00"), (3, "T", "#009e73"))
_FOR, _AGAINST = "#d55e00", "#0072b2"
_STRONGEST_ALPHA, _LEAST_ALPHA = 0.65, 0.02


@dataclass(frozen=True)
class _Strip:
    """One piece of trace: what it is called, which lead and samples, and where its first sample lies on the paper."""

    label: str
    lead: int
    start: int
    stop: int
    x_mm: float
    baseline_mm: float
    row_mm: float


def plot_ecg(
    signal_mv: NDArray[np.floating[Any]],
    sampling_rate_hz: float,
    *,
    title: str = "",
    wave_mask: NDArray[np.integer[Any]] | None = None,
    headline: Sequence[tuple[str, str]] = (),
    worth: NDArray[np.floating[Any]] | None = None,
    stacked: bool = False,
) -> Figure:
    """Draw a 12-lead ECG on millimetre paper, physically exact: the figure's size is the paper's size.

    Ten seconds or more: the standard sheet, three rows of four leads with 2.5 s each, one after the other in time
    (I aVR V1 V4, ...), and lead II below as a rhythm strip of 10 s; what a longer record has after its tenth second
    is left out, and the footer says so. Less than ten seconds: all twelve leads below each other. Speed is 25 mm/s,
    gain 10 mm/mV (AHA/ACC/HRS recommendations, Kligfield et al., Circulation 2007), with a calibration pulse of 1 mV
    and 0.2 s before each row. The figure's one axes fills it, and its data coordinates are millimetres. Traces are
    never scaled: large ones reach into the next row, and the sheet grows by at most 40 mm at either edge.

    Args:
        signal_mv: (12, time) in millivolt, leads in canonical order (``LEADS``); NaN leaves a gap in the trace.
        sampling_rate_hz: samples per second, positive.
        title: text above the traces, such as the record's name.
        wave_mask: (time,), or (12, time) where each lead has its own: 0 nothing, 1 P wave, 2 QRS complex, 3 T wave;
            drawn as coloured bands behind the traces.
        headline: names and values, such as ("PR", "160 ms"), side by side below the title; some ten find room.
        worth: (12, time) how much each sample speaks for (positive) or against something; bands of equal worth are
            orange and blue behind the traces, the stronger the larger, the largest of the record strongest.
        stacked: all twelve leads below each other, whatever the length; the first ten seconds of a longer record.

    Returns:
        A figure without a window; each trace is a line whose label is its lead ("rhythm II" for the strip).

    Raises:
        InputError: if the signal is not (12, time) with at least two samples, the rate is not positive, or the mask
        has another length.
    """
    _check(signal_mv, sampling_rate_hz, wave_mask)
    _check_worth(signal_mv, worth)
    n_samples = signal_mv.shape[1]
    n_shown = min(n_samples, round(_STANDARD_DURATION_S * sampling_rate_hz))
    standard = n_samples >= round(_STANDARD_DURATION_S * sampling_rate_hz) and not stacked
    strips = _standard_strips(sampling_rate_hz) if standard else _stacked_strips(n_shown)
    shown_s = n_shown / sampling_rate_hz
    width_mm = np.ceil((_LEFT_MM + shown_s * PAPER_SPEED_MM_PER_S + _RIGHT_MM) / 5) * 5
    bottom_mm, top_mm = _height(strips, np.asarray(signal_mv, dtype=np.float64))
    figure, axes = _paper(float(width_mm), bottom_mm, top_mm + (_HEADLINE_MM if headline else 0))
    if wave_mask is not None:
        _draw_waves(axes, strips, np.broadcast_to(wave_mask, signal_mv.shape), sampling_rate_hz)
    if worth is not None:
        _draw_worth(axes, strips, np.asarray(worth, dtype=np.float64), sampling_rate_hz)
    for strip in strips:
        _draw_strip(axes, strip, np.asarray(signal_mv, dtype=np.float64), sampling_rate_hz)
    _draw_pulses(axes, sorted({strip.baseline_mm for strip in strips}))
    _draw_headline(axes, headline)
    _draw_texts(axes, title, sampling_rate_hz, shown_s, n_samples / sampling_rate_hz)
    legend = [(name, color) for _, name, color in _WAVES] if wave_mask is not None else []
    _draw_legend(axes, legend + ([("speaks for", _FOR), ("speaks against", _AGAINST)] if worth is not None else []))
    return figure


def _check(signal_mv: NDArray[Any], sampling_rate_hz: float, wave_mask: NDArray[Any] | None) -> None:
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS) or signal_mv.shape[1] < 2:
        raise InputError("this is not a 12-lead signal", expected=f"({len(LEADS)}, time)", found=signal_mv.shape)
    if not (np.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
        raise InputError("the sampling rate must be positive", field="sampling_rate_hz", found=sampling_rate_hz)
    if wave_mask is not None and wave_mask.shape not in (signal_mv.shape[1:], signal_mv.shape):
        raise InputError("the wave mask does not fit the signal", expected=signal_mv.shape[1:], found=wave_mask.shape)


def _check_worth(signal_mv: NDArray[Any], worth: NDArray[Any] | None) -> None:
    if worth is not None and (worth.shape != signal_mv.shape or not np.isfinite(worth).all()):
        raise InputError("the worth does not fit the signal", expected=signal_mv.shape, found=worth.shape)


def _standard_strips(sampling_rate_hz: float) -> list[_Strip]:
    """Three rows of four leads, 2.5 s each and consecutive in time, and lead II for the whole ten seconds."""
    edges = [round(column * _COLUMN_S * sampling_rate_hz) for column in range(_N_COLUMNS + 1)]
    bottom = _FOOTER_MM + _STANDARD_ROW_MM / 2
    strips = [_Strip("rhythm II", LEADS.index("II"), 0, edges[-1], _LEFT_MM, bottom, _STANDARD_ROW_MM)]
    for column in range(_N_COLUMNS):
        x_mm = _LEFT_MM + edges[column] / sampling_rate_hz * PAPER_SPEED_MM_PER_S
        for row in range(_N_GROUP_ROWS):
            baseline_mm = bottom + (_N_GROUP_ROWS - row) * _STANDARD_ROW_MM
            lead = column * _N_GROUP_ROWS + row
            strips.append(
                _Strip(LEADS[lead], lead, edges[column], edges[column + 1], x_mm, baseline_mm, _STANDARD_ROW_MM)
            )
    return strips


def _stacked_strips(n_samples: int) -> list[_Strip]:
    """All leads below each other, the first one on top."""
    bottom = _FOOTER_MM + _STACKED_ROW_MM / 2
    return [
        _Strip(name, lead, 0, n_samples, _LEFT_MM, bottom + (len(LEADS) - 1 - lead) * _STACKED_ROW_MM, _STACKED_ROW_MM)
        for lead, name in enumerate(LEADS)
    ]


def _height(strips: list[_Strip], signal_mv: NDArray[np.float64]) -> tuple[float, float]:
    """Lower and upper edge of the sheet: room for all rows, and up to 40 mm more where a trace would leave it."""
    rows_top_mm = max(strip.baseline_mm + strip.row_mm / 2 for strip in strips)
    traces_mm = [
        strip.baseline_mm + signal_mv[strip.lead, strip.start : strip.stop] * PAPER_GAIN_MM_PER_MV for strip in strips
    ]
    drawn_mm = np.concatenate([*traces_mm, [_FOOTER_MM, rows_top_mm]])
    beyond_mm = np.array([_FOOTER_MM - np.nanmin(drawn_mm), np.nanmax(drawn_mm) - rows_top_mm])
    below_mm, above_mm = np.ceil(np.minimum(beyond_mm, _MAX_EXTRA_MM) / 5) * 5
    return float(-below_mm), float(rows_top_mm + _HEADER_MM + above_mm)


def _paper(width_mm: float, bottom_mm: float, top_mm: float) -> tuple[Figure, Axes]:
    """An empty sheet whose axes fill it and count in millimetres."""
    figure = Figure(figsize=(width_mm / _MM_PER_INCH, (top_mm - bottom_mm) / _MM_PER_INCH), facecolor=_PAPER)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width_mm)
    axes.set_ylim(bottom_mm, top_mm)
    axes.set_axis_off()
    for step_mm, color, width_pt in ((1.0, _FINE, 0.35), (5.0, _COARSE, 0.6)):
        # One line with gaps for the whole grid: in an SVG, hundreds of single lines would weigh more than the ECG.
        x_mm, y_mm = np.arange(0.0, width_mm + 0.5, step_mm), np.arange(bottom_mm, top_mm + 0.5, step_mm)
        vertical = [value for x in x_mm for value in ((x, bottom_mm), (x, top_mm), (np.nan, np.nan))]
        horizontal = [value for y in y_mm for value in ((0.0, y), (width_mm, y), (np.nan, np.nan))]
        grid = np.array(vertical + horizontal)
        axes.plot(grid[:, 0], grid[:, 1], color=color, linewidth=width_pt, zorder=0, label=f"_grid_{step_mm:g}_mm")
    return figure, axes


def _draw_strip(axes: Axes, strip: _Strip, signal_mv: NDArray[np.float64], sampling_rate_hz: float) -> None:
    times_s = np.arange(strip.stop - strip.start) / sampling_rate_hz
    x_mm = strip.x_mm + times_s * PAPER_SPEED_MM_PER_S
    y_mm = strip.baseline_mm + signal_mv[strip.lead, strip.start : strip.stop] * PAPER_GAIN_MM_PER_MV
    axes.plot(x_mm, y_mm, color=_TRACE, linewidth=0.8, solid_joinstyle="round", label=strip.label)
    top_mm = strip.baseline_mm + strip.row_mm * 0.36
    halo = [withStroke(linewidth=2.5, foreground=_PAPER)]  # tall complexes of the row below run through it
    name = LEADS[strip.lead]
    axes.text(strip.x_mm + 1, top_mm, name, fontsize=8, fontweight="bold", color=_TEXT, path_effects=halo)
    if strip.start > 0:
        tick = (strip.baseline_mm - 4, strip.baseline_mm + 4)
        axes.plot((strip.x_mm, strip.x_mm), tick, color=_TRACE, linewidth=0.5, label="_column")


def _draw_pulses(axes: Axes, baselines_mm: list[float]) -> None:
    """The rectangle of 1 mV and 0.2 s that shows speed and gain, before every row."""
    width_mm, height_mm = _PULSE_S * PAPER_SPEED_MM_PER_S, _PULSE_MV * PAPER_GAIN_MM_PER_MV
    start_mm = _LEFT_MM - width_mm - 4
    for baseline_mm in baselines_mm:
        x_mm = np.array([start_mm - 2, start_mm, start_mm, start_mm + width_mm, start_mm + width_mm, _LEFT_MM - 2])
        y_mm = baseline_mm + np.array([0.0, 0.0, height_mm, height_mm, 0.0, 0.0])
        axes.plot(x_mm, y_mm, color=_TRACE, linewidth=0.8, label="_calibration")


def _draw_waves(axes: Axes, strips: list[_Strip], mask: NDArray[Any], sampling_rate_hz: float) -> None:
    """Shade P, QRS and T behind each strip; a band reaches half a sample beyond its first and last sample."""
    mm_per_sample = PAPER_SPEED_MM_PER_S / sampling_rate_hz
    for strip in strips:
        piece = mask[strip.lead, strip.start : strip.stop]
        for code, _, color in _WAVES:
            edges = np.flatnonzero(np.diff(np.concatenate(([0], piece == code, [0])).astype(np.int8)))
            for first, last in edges.reshape(-1, 2):
                corner = (strip.x_mm + (first - 0.5) * mm_per_sample, strip.baseline_mm - strip.row_mm / 2)
                band = Rectangle(corner, (last - first) * mm_per_sample, strip.row_mm, color=color, alpha=0.16, lw=0)
                axes.add_artist(band)  # add_patch would fit the axes' limits to each, which are the paper's


def _draw_worth(axes: Axes, strips: list[_Strip], worth: NDArray[np.float64], sampling_rate_hz: float) -> None:
    """Shade stretches of equal worth behind each strip, as strongly as they are large within the whole record."""
    share = worth / (np.abs(worth).max() or 1.0)
    mm_per_sample = PAPER_SPEED_MM_PER_S / sampling_rate_hz
    bands: list[list[tuple[float, float]]] = []
    colors = []
    for strip in strips:
        piece = share[strip.lead, strip.start : strip.stop]
        low_mm, high_mm = strip.baseline_mm - strip.row_mm / 2, strip.baseline_mm + strip.row_mm / 2
        edges = np.concatenate(([0], np.flatnonzero(np.diff(piece)) + 1, [len(piece)]))
        for first, last in pairwise(edges):
            alpha = _STRONGEST_ALPHA * abs(piece[first])
            if alpha >= _LEAST_ALPHA:
                left_mm, right_mm = (strip.x_mm + (edge - 0.5) * mm_per_sample for edge in (first, last))
                bands.append([(left_mm, low_mm), (right_mm, low_mm), (right_mm, high_mm), (left_mm, high_mm)])
                colors.append(to_rgba(_FOR if piece[first] > 0 else _AGAINST, alpha))
    axes.add_collection(PolyCollection(bands, facecolors=colors, linewidths=0, label="_worth"), autolim=False)


def _draw_headline(axes: Axes, headline: Sequence[tuple[str, str]]) -> None:
    """Names small and values large, in columns as wide as their texts ask for, on a plain ground."""
    if not headline:
        return
    left_mm, width_mm, top_mm = 5.0, axes.get_xlim()[1], axes.get_ylim()[1]
    height_mm = _HEADER_MM + _HEADLINE_MM - 2
    axes.add_patch(Rectangle((0, top_mm - height_mm), width_mm, height_mm, color=_PAPER, lw=0, zorder=2.5))
    axes.plot((0, width_mm), (top_mm - height_mm,) * 2, color=_COARSE, linewidth=0.8, zorder=2.6, label="_headline")
    lengths = np.array([max(0.8 * len(name), len(value)) + 3 for name, value in headline])
    starts_mm = left_mm + (width_mm - left_mm) * (lengths.cumsum() - lengths) / lengths.sum()
    for x_mm, (name, value) in zip(starts_mm, headline, strict=True):
        axes.text(x_mm, top_mm - 13, name, fontsize=6.5, color=_MUTED, zorder=3)
        axes.text(x_mm, top_mm - 19, value, fontsize=9.5, fontweight="bold", color=_TEXT, zorder=3)


def _draw_texts(axes: Axes, title: str, sampling_rate_hz: float, shown_s: float, duration_s: float) -> None:
    bottom_mm, top_mm = axes.get_ylim()
    axes.text(5, top_mm - 6, title, fontsize=10, fontweight="bold", color=_TEXT, zorder=3)
    cut = f", first {shown_s:g} s of {duration_s:g} s" if duration_s - shown_s >= 1 / sampling_rate_hz else ""
    scale = f"{PAPER_SPEED_MM_PER_S:g} mm/s, {PAPER_GAIN_MM_PER_MV:g} mm/mV, {sampling_rate_hz:g} Hz{cut}"
    axes.text(5, bottom_mm + 2, scale, fontsize=7, color=_TEXT)


def _draw_legend(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """What the colours mean, at the lower right: names with their colours, in the order of reading."""
    x_mm, y_mm = axes.get_xlim()[1] - 5, axes.get_ylim()[0] + 2
    for name, color in reversed(names):
        axes.text(x_mm, y_mm, name, fontsize=8, fontweight="bold", color=color, ha="right")
        x_mm -= 3 + 1.9 * len(name)
