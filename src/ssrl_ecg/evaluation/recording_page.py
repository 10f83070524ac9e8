"""An analysed recording as HTML: in pieces for a page that is being used, and as a report that stands by itself."""

from __future__ import annotations

from collections.abc import Mapping

from ssrl_ecg.evaluation.figures import figure_bytes
from ssrl_ecg.evaluation.pages import Picture, fragment, render, svg_uri
from ssrl_ecg.evaluation.recording_analysis import Explanation, RecordingAnalysis
from ssrl_ecg.evaluation.recording_pictures import waves_picture, worth_picture

_PIECES = "recording_pieces.html.j2"


def waves_html(analysis: RecordingAnalysis) -> str:
    """The ECG with its waves."""
    return fragment(_PIECES, "drawing", picture=_waves(analysis))


def answers_html(analysis: RecordingAnalysis) -> str:
    """What the classifiers say, and how far to believe it."""
    return fragment(_PIECES, "answers", analysis=analysis)


def explanation_html(analysis: RecordingAnalysis, explanation: Explanation) -> str:
    """What mattered, drawn and listed."""
    return fragment(_PIECES, "explanation", explanation=explanation, picture=_worth(analysis, explanation))


def neighbours_html(analysis: RecordingAnalysis) -> str:
    """The most similar recordings of the index; nothing without an index."""
    return fragment(_PIECES, "neighbours", found=analysis.neighbours)


def report_html(analysis: RecordingAnalysis, facts: Mapping[str, str]) -> str:
    """Everything as one self-contained page.

    Args:
        analysis: of the recording.
        facts: what else is to be said at its end, such as when it was made and by which classifier.
    """
    explanation = analysis.explanation
    return render(
        "recording_report.html.j2",
        title=f"ECG report: {analysis.name}",
        analysis=analysis,
        facts=facts,
        waves=_waves(analysis),
        worth=None if explanation is None else _worth(analysis, explanation),
    )


def _waves(analysis: RecordingAnalysis) -> Picture:
    described = f"Twelve leads of {analysis.name} on ECG paper; P waves, QRS complexes and T waves are shaded."
    return Picture(svg_uri(figure_bytes(waves_picture(analysis), "svg")), described, "P, QRS and T over all leads.")


def _worth(analysis: RecordingAnalysis, explanation: Explanation) -> Picture:
    described = f"Twelve leads of {analysis.name}, shaded by what speaks for and against {explanation.class_name}."
    return Picture(svg_uri(figure_bytes(worth_picture(analysis, explanation), "svg")), described, "")
