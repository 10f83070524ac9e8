"""Text and picture of one recording say what was measured, and a dash what was not."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.evaluation.measurement_sheet import headline, measurement_picture, measurement_text
from ssrl_ecg.signals.delineation import delineate
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurements import measure


@pytest.fixture(scope="module")
def signal_mv():
    labels = np.array([[1, 0, 0, 0, 0]], dtype=np.uint8)
    return simulate(1, generator=np.random.default_rng(0), sampling_rate_hz=250, labels=labels).signal_mv[0]


def test_headline_has_values_with_units(signal_mv):
    measured = measure(signal_mv, 250.0)
    shown = dict(headline(measured))
    assert shown["heart rate"] == f"{measured.values['heart_rate_bpm']:.0f} /min"
    assert shown["QRS"] == f"{measured.values['qrs_ms']:.0f} ms"
    assert shown["Sokolow-Lyon"] == f"{measured.values['sokolow_lyon_mv']:.1f} mV"


def test_text_has_a_line_per_lead_and_the_reasons_of_what_is_missing(signal_mv):
    text = measurement_text("record 1", measure(signal_mv, 250.0))
    assert text.startswith("record 1\n")
    lines = [line.split() for line in text.splitlines() if line]
    assert [words[0] for words in lines if words[0] in LEADS] == list(LEADS)
    empty = measurement_text("nothing", measure(np.zeros((12, 1000)), 100.0))
    assert "heart rate              -" in empty
    assert "flag no_beats" in empty
    assert "(no QRS complex was found)" in empty
    assert "nan" not in empty


def test_picture_marks_the_waves_and_shows_the_headline(signal_mv):
    delineation = delineate(signal_mv, 250.0)
    measured = measure(signal_mv, 250.0, delineation)
    figure = measurement_picture("record 1", signal_mv, 250.0, delineation, measured)
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert {value for _, value in headline(measured)} <= set(texts)
    assert any(text.startswith("record 1") for text in texts)
    bands = [patch for patch in axes.patches if patch.get_alpha() is not None]
    # Every complete QRS complex is marked in the rhythm strip and in the three leads above it, cut ones perhaps twice.
    assert len(bands) >= 4 * 2 * (measured.values["beats"] - 2)


def test_an_empty_recording_has_a_picture_too():
    signal_mv = np.zeros((12, 300))
    delineation = delineate(signal_mv, 100.0)
    figure = measurement_picture("flat", signal_mv, 100.0, delineation, measure(signal_mv, 100.0, delineation))
    assert any("no beats" in text.get_text() for text in figure.axes[0].texts)
