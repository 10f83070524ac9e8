"""An analysed recording as PDF: a summary, the ECG to scale, and what mattered, a sheet each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from ssrl_ecg.evaluation.figure_style import COLORS, INK, figure_style
from ssrl_ecg.evaluation.recording_analysis import RecordingAnalysis
from ssrl_ecg.evaluation.recording_pictures import waves_picture, worth_picture

_A4_INCHES = (11.69, 8.27)
_LINE, _CHARACTERS = 0.024, 130
"""Height of a line, as a share of the page, and what fits in it."""


def report_pdf(analysis: RecordingAnalysis, facts: Mapping[str, str]) -> bytes:
    """Draw the report; printed at its own size, the ECG is at 25 mm/s and 10 mm/mV.

    Args:
        analysis: of the recording.
        facts: what else is to be said, such as when it was made and by which classifier.
    """
    buffer = BytesIO()
    with figure_style(), mpl.rc_context({"pdf.fonttype": 42}), PdfPages(buffer) as pages:
        pages.savefig(_summary(analysis, facts))
        pages.savefig(waves_picture(analysis))
        if analysis.explanation is not None:
            pages.savefig(worth_picture(analysis, analysis.explanation))
    return buffer.getvalue()


def _summary(analysis: RecordingAnalysis, facts: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=_A4_INCHES)
    figure.text(0.06, 0.93, f"ECG report: {analysis.name}", fontsize=16, fontweight="bold", parse_math=False)
    figure.text(0.06, 0.895, "Research use. Not a medical device.", fontsize=10, color=COLORS[1])
    _draw_probabilities(figure.add_axes((0.14, 0.56, 0.8, 0.28)), analysis)
    place = 0.48
    for line in _lines(analysis, facts):
        figure.text(0.06, place, line, fontsize=9, color=INK, parse_math=False)
        place -= _LINE
    return figure


def _draw_probabilities(axes: Axes, analysis: RecordingAnalysis) -> None:
    """Bars of each class, those of all classifiers side by side, with what the label sets leave open."""
    names, n_models = analysis.class_names, len(analysis.predictions)
    height = 0.8 / n_models
    for row, (model, prediction) in enumerate(analysis.predictions.items()):
        places = np.arange(len(names)) + (row - (n_models - 1) / 2) * height
        values = [prediction.probabilities.get(name, 0.0) for name in names]
        axes.barh(places, values, 0.9 * height, color=COLORS[row % len(COLORS)], label=model)
        for place, name in zip(places, names, strict=True):
            if name in prediction.probabilities:
                said = f"{prediction.probabilities[name]:.1%}{' *' if name in prediction.positive else ''}"
                text = "   ".join(filter(None, (said, prediction.label_set.get(name, ""))))
                axes.text(prediction.probabilities[name] + 0.01, place, text, va="center", fontsize=9)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.2)
    axes.set_xticks(np.arange(0, 1.01, 0.25))
    axes.set_xlabel("probability; * at or above the threshold; beside it what the label set leaves open")
    axes.grid(visible=False)
    if n_models > 1:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=n_models)


def _lines(analysis: RecordingAnalysis, facts: Mapping[str, str]) -> Iterator[str]:
    """What the summary says below the bars, wrapped."""
    said = []
    for model, prediction in analysis.predictions.items():
        if prediction.strangeness is not None:
            doubt = " (above 1: do not rely on these answers)" if prediction.strangeness > 1 else ""
            said.append(f"{model}: strangeness {prediction.strangeness:.2f}{doubt}")
            said.append(f"{model}: calibration: {analysis.calibration[model]}")
    said += [f"Note: {warning}" for warning in analysis.warnings] or ["No quality warnings."]
    if analysis.explanation is not None:
        listed = (f"{s.lead} {s.start_s:.1f}-{s.stop_s:.1f} s {s.logits:+.2f}" for s in analysis.explanation.strongest)
        said.append(f"What mattered for {analysis.explanation.class_name} (logits): {', '.join(listed)}")
    if analysis.neighbours:
        similar = (f"{one.record_id} ({one.similarity:.3f})" for one in analysis.neighbours)
        said.append(f"Nearest recordings: {', '.join(similar)}")
    said += [f"{name}: {value}" for name, value in facts.items()]
    for sentence in said:
        yield from textwrap.wrap(sentence, _CHARACTERS, subsequent_indent="    ")
