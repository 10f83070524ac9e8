from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.recording_analysis import N_STRETCHES, analyse, explain
from ssrl_ecg.evaluation.recording_page import answers_html, explanation_html, neighbours_html, report_html
from ssrl_ecg.evaluation.recording_pdf import report_pdf
from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig
from ssrl_ecg.predict.attribution import sample_logits
from ssrl_ecg.predict.embedder import Embeddings
from ssrl_ecg.predict.neighbours import EmbeddingIndex
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint
from ssrl_ecg.weights import packaged_classifier


def predictor_of(seed: int, classes: tuple[str, ...], window_s: float = 2.5) -> Predictor:
    torch.manual_seed(seed)
    encoder = ECGEncoder1DCNN(CNNConfig(width=2))
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=len(classes))
    preprocessing = Preprocessing(window_s=window_s, normalisation="record")
    return Predictor(
        ClassifierCheckpoint(Classifier(encoder, head).eval(), preprocessing, classes, "multilabel", "toy")
    )


@pytest.fixture(scope="module")
def predictors():
    return {"one": predictor_of(0, ("NORM", "MI")), "two": predictor_of(1, ("MI", "<b>CD"))}


@pytest.fixture(scope="module")
def recording() -> SignalFile:
    ecg = simulate(1, generator=np.random.default_rng(0), sampling_rate_hz=250.0)
    return SignalFile(ecg.signal_mv[0], 250.0, LEADS, ("odd <i>thing",))


@pytest.fixture(scope="module")
def analysis(predictors, recording):
    one = predictors["one"].checkpoint
    rng = np.random.default_rng(0)
    values = rng.random((4, one.classifier.encoder.feature_dim)).astype(np.float32)
    index = EmbeddingIndex(Embeddings(("a", "b<script>", "c", "d"), values, {}))
    analysis = analyse("rec & co", recording, predictors, index)
    return explain(analysis, predictors["one"], "MI")


def test_answers_are_those_of_each_classifier_by_itself(analysis, predictors, recording):
    assert analysis.predictions == {name: one.predict(recording) for name, one in predictors.items()}
    assert analysis.class_names == ("NORM", "MI", "<b>CD")
    assert analysis.likeliest == max(analysis.first.probabilities, key=analysis.first.probabilities.get)
    assert analysis.warnings == ("odd <i>thing",)
    assert analysis.duration_s == 10


def test_the_first_classifier_explains(analysis, predictors):
    expected = sample_logits(predictors["one"].checkpoint, analysis.prepared, "MI")
    np.testing.assert_array_equal(analysis.explanation.worth, expected)
    assert len(analysis.explanation.strongest) == N_STRETCHES


def test_a_classifier_that_cannot_use_the_recording_is_named(predictors, recording):
    longer = {**predictors, "longer": predictor_of(2, ("MI",), window_s=20.0)}
    with pytest.raises(InputError, match="longer: recording is shorter than one window"):
        analyse("rec", recording, longer)


def test_pieces_show_what_is_known_and_escape_what_came_from_outside(analysis):
    answers = answers_html(analysis)
    assert "odd &lt;i&gt;thing" in answers
    assert f"{100 * analysis.predictions['two'].probabilities['MI']:.1f} %" in answers
    assert "not calibrated" in answers
    assert "b&lt;script&gt;" in neighbours_html(analysis)
    explanation = explanation_html(analysis, analysis.explanation)
    assert "against the training records' mean" in explanation
    assert explanation.count("<li>") == N_STRETCHES
    assert "data:image/svg+xml;base64," in explanation


def test_calibrated_classifiers_say_how_well_they_are_calibrated(predictors, recording):
    calibrated = Predictor.load(packaged_classifier())
    analysis = analyse("rec", recording, {"packaged": calibrated, **predictors})
    assert analysis.calibration == {"packaged": calibrated.reliability.calibration}
    assert f"packaged: calibration: {calibrated.reliability.calibration}." in answers_html(analysis)


def test_the_report_stands_by_itself(analysis):
    report = report_html(analysis, {"made": "today"})
    assert "<title>ECG report: rec &amp; co</title>" in report
    assert report.count("data:image/svg+xml;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', report)
    assert "not a medical device" in report.lower()
    assert "<script>" not in report.split("<main>")[1].split("</main>")[0]


def test_the_pdf_has_a_sheet_each_for_summary_waves_and_what_mattered(analysis):
    pdf = report_pdf(analysis, {"made": "today"})
    assert pdf.startswith(b"%PDF")
    boxes = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[ ([^\]]+) \]", pdf)]
    assert len(boxes) == 3
    paper_mm = [round((box[2] - box[0]) / 72 * 25.4) for box in boxes]
    assert paper_mm == [297, 270, 270]
