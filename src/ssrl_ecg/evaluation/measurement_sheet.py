"""One measured recording for people: as text for a terminal and as a picture on ECG paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssrl_ecg.evaluation.ecg_paper import plot_ecg
from ssrl_ecg.signals.delineation import Delineation
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurements import FLAGS, Measured
from ssrl_ecg.signals.waves import MARKS, WAVES, wave_mask

_HEADLINE = (
    ("heart rate", ("heart_rate_bpm",), "{:.0f} /min"),
    ("RR (SD)", ("rr_mean_ms", "rr_sd_ms"), "{:.0f} ({:.0f}) ms"),
    ("P", ("p_ms",), "{:.0f} ms"),
    ("PR", ("pr_ms",), "{:.0f} ms"),
    ("QRS", ("qrs_ms",), "{:.0f} ms"),
    ("QT", ("qt_ms",), "{:.0f} ms"),
    ("QTc Fridericia", ("qtc_fridericia_ms",), "{:.0f} ms"),
    ("axes P, QRS, T", ("p_axis_degrees", "qrs_axis_degrees", "t_axis_degrees"), "{:.0f}°, {:.0f}°, {:.0f}°"),
    ("Sokolow-Lyon", ("sokolow_lyon_mv",), "{:.1f} mV"),
    ("Cornell", ("cornell_mv",), "{:.1f} mV"),
)
_ALSO = (
    ("QTc Bazett, Framingham", ("qtc_bazett_ms", "qtc_framingham_ms"), "{:.0f}, {:.0f} ms"),
    ("QRS-T angle in space", ("qrs_t_spatial_degrees",), "{:.0f}°"),
    ("RMSSD", ("rmssd_ms",), "{:.0f} ms"),
    ("ectopic, paced beats", ("ectopic_percent", "paced_percent"), "{:.0f}, {:.0f} %"),
    ("Cornell product", ("cornell_product_mv_ms",), "{:.0f} mV ms"),
    ("transition zone", ("transition_zone",), "V{:.1f}"),
)
_COLUMNS = (
    ("P mV", "p_mv"),
    ("Q mV", "q_mv"),
    ("Q ms", "q_ms"),
    ("R mV", "r_mv"),
    ("S mV", "s_mv"),
    ("QRS mV ms", "qrs_area_mv_ms"),
    ("J mV", "st_j_mv"),
    ("J+60 mV", "st_j60_mv"),
    ("J+80 mV", "st_j80_mv"),
    ("ST mV/s", "st_slope_mv_per_s"),
    ("T mV", "t_mv"),
)
_ABSENT = "-"


def headline(measured: Measured) -> list[tuple[str, str]]:
    """Return the measurements a physician reads first, as names and values with units; a dash where one is missing."""
    return [(name, _text(measured, keys, form)) for name, keys, form in _HEADLINE]


def measurement_text(name: str, measured: Measured) -> str:
    """Lay a recording's measurements out for a terminal: intervals, a line per lead, flags, and what is missing."""
    pairs = [*headline(measured), *((name, _text(measured, keys, form)) for name, keys, form in _ALSO)]
    width = max(len(label) for label, _ in pairs)
    lines = [name, "", *(f"{label:<{width}}  {value}" for label, value in pairs), "", *_lead_lines(measured)]
    lines += ["", *(f"flag {flag}: {FLAGS[flag]}" for flag in measured.flags)]
    missing: dict[str, list[str]] = {}
    for key, reason in measured.reasons.items():
        missing.setdefault(reason, []).append(key)
    for reason, keys in missing.items():
        shown = ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")
        lines.append(f"missing: {shown} ({reason})")
    return "\n".join(lines).rstrip()


def measurement_picture(
    name: str,
    signal_mv: NDArray[np.floating[Any]],
    sampling_rate_hz: float,
    delineation: Delineation,
    measured: Measured,
) -> Figure:
    """Draw a recording on ECG paper, its P, QRS and T marked over all leads, the headline above.

    Args:
        name: what stands in the title.
        signal_mv: (12, time) canonical leads in mV.
        sampling_rate_hz: samples per second.
        delineation: where its waves are.
        measured: its measurements.

    Raises:
        InputError: see ``plot_ecg``.
    """
    n_marks = len(MARKS)
    waves_s = {wave: delineation.overall_s[:, k * n_marks : (k + 1) * n_marks] for k, wave in enumerate(WAVES)}
    mask = wave_mask(waves_s, signal_mv.shape[1], sampling_rate_hz)
    remarks = ", ".join(flag.replace("_", " ").replace(" p ", " P ") for flag in measured.flags)
    title = f"{name}  ·  {remarks}" if remarks else name
    return plot_ecg(signal_mv, sampling_rate_hz, title=title, wave_mask=mask, headline=headline(measured))


def _text(measured: Measured, keys: tuple[str, ...], form: str) -> str:
    values = [measured.values[key] for key in keys]
    if all(math.isnan(value) for value in values):
        return _ABSENT
    return form.format(*values).replace("nan°", _ABSENT).replace("nan", _ABSENT)


def _lead_lines(measured: Measured) -> list[str]:
    lines = ["lead" + "".join(f"{heading:>11}" for heading, _ in _COLUMNS)]
    for lead in LEADS:
        values = [measured.values[f"{key}_{lead}"] for _, key in _COLUMNS]
        decimals = [0 if key.endswith("_ms") else 2 for _, key in _COLUMNS]
        cells = (_ABSENT if math.isnan(v) else f"{v:.{n}f}" for v, n in zip(values, decimals, strict=True))
        lines.append(f"{lead:<4}" + "".join(f"{cell:>11}" for cell in cells))
    return lines
