"""An analysed recording on ECG paper: its waves, and which stretches mattered."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ssrl_ecg.evaluation.ecg_paper import plot_ecg
from ssrl_ecg.evaluation.measurement_sheet import measurement_picture
from ssrl_ecg.evaluation.recording_analysis import Explanation, RecordingAnalysis
from ssrl_ecg.predict.attribution import STRETCH_S, stretch_logits


def waves_picture(analysis: RecordingAnalysis) -> Figure:
    """Draw the recording on the standard sheet, P, QRS and T shaded, the measurements above."""
    recording = analysis.recording
    return measurement_picture(
        analysis.name, recording.signal_mv, recording.sampling_rate_hz, analysis.delineation, analysis.measured
    )


def worth_picture(analysis: RecordingAnalysis, explanation: Explanation) -> Figure:
    """Draw all leads as the network receives them, each stretch shaded by what it is worth for the class."""
    rate_hz = analysis.prepared_rate_hz
    logits = stretch_logits(explanation.worth, rate_hz)
    n_samples = max(1, round(STRETCH_S * rate_hz))
    worth = np.repeat(logits, n_samples, axis=1)[:, : explanation.worth.shape[1]]
    title = f"{analysis.name}: what speaks for and against {explanation.class_name}"
    return plot_ecg(analysis.prepared.signal_mv, rate_hz, title=title, worth=worth, stacked=True)
