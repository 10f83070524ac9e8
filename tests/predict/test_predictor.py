"""A predictor answers what network, calibration and label sets answer one by one, for any form of the recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.predict.preparation import LONGEST_S
from ssrl_ecg.signals.lead_swaps import swap_leads
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.training.embed import predict_logits

WORDS = {(False, False): "neither", (True, False): "no", (False, True): "yes", (True, True): "yes or no"}


@pytest.fixture(scope="module")
def predictor(calibrated) -> Predictor:
    return Predictor(calibrated)


@pytest.fixture
def recording(store, split) -> SignalFile:
    return SignalFile(store.read_mv(split.test[:1])[0], 100.0, LEADS)


def close(one, other, tolerance=1e-5):
    return np.allclose(list(one.probabilities.values()), list(other.probabilities.values()), atol=tolerance)


def test_answers_are_those_of_the_parts(predictor, calibrated, reliability, store, split):
    rows = split.test[:5]
    logits = predict_logits(calibrated.classifier, calibrated.preprocessing, store, rows)
    probabilities = reliability.recalibrated.probabilities(logits)
    left_open = reliability.label_sets.open_answers(logits, 0.9)
    for row, signal_mv in enumerate(store.read_mv(rows)):
        found = predictor.predict(SignalFile(signal_mv, 100.0, LEADS))
        np.testing.assert_allclose(list(found.probabilities.values()), probabilities[row], atol=1e-4)
        wanted = [
            {(0, 0): "neither", (1, 0): "no", (0, 1): "yes", (1, 1): "yes or no"}[tuple(one)] for one in left_open[row]
        ]
        assert list(found.label_set.values()) == wanted
        own = 1 / (1 + np.exp(-logits[row]))
        assert found.positive == tuple(name for name, p in zip(calibrated.classes, own, strict=True) if p >= 0.3)


def test_lead_order_rate_gaps_and_derived_leads_do_not_matter(predictor, recording):
    wanted = predictor.predict(recording)
    order = [*range(11, -1, -1)]
    turned = SignalFile(recording.signal_mv[order], 100.0, tuple(LEADS[lead] for lead in order))
    assert close(predictor.predict(turned), wanted)
    derived = [0, 1, *range(6, 12)]
    assert close(
        predictor.predict(SignalFile(recording.signal_mv[derived], 100.0, tuple(LEADS[lead] for lead in derived))),
        wanted,
        1e-2,
    )
    twice = SignalFile(np.repeat(recording.signal_mv, 2, axis=1), 200.0, LEADS)
    assert close(predictor.predict(twice), wanted, 0.2)
    gap = recording.signal_mv.copy()
    gap[3, 100:103] = np.nan
    found = predictor.predict(replace(recording, signal_mv=gap))
    assert "missing samples in aVR" in found.warnings
    assert close(found, wanted, 0.1)


def test_recordings_of_several_lengths_keep_their_places(predictor, store, split):
    signals_mv = store.read_mv(split.test[:4])
    recordings = [SignalFile(signal_mv[:, :length], 100.0, LEADS) for signal_mv, length in
                  zip(signals_mv, (1000, 700, 1000, 400), strict=True)]  # fmt: skip
    together = predictor.answer([predictor.prepare(recording) for recording in recordings])
    alone = [predictor.predict(recording) for recording in recordings]
    for one, other in zip(together, alone, strict=True):
        assert close(one, other)
        assert one.strangeness == pytest.approx(other.strangeness, abs=1e-2)
    assert any("short" in warning for warning in together[1].warnings)
    assert not any("short" in warning for warning in together[0].warnings)


def test_strange_recordings_say_why(predictor, recording):
    assert predictor.predict(recording).strangeness < 2
    for signal_mv, word in [
        (1e3 * recording.signal_mv, "amplitude or noise"),
        (np.zeros_like(recording.signal_mv), "flat"),
        (swap_leads(recording.signal_mv, "V1 to V6 reversed"), "interchanged: V1 to V6 reversed"),
    ]:
        found = predictor.predict(replace(recording, signal_mv=signal_mv))
        assert found.strangeness > 1
        assert any(word in warning for warning in found.warnings)


def test_what_cannot_be_mapped_is_refused(predictor, recording):
    with pytest.raises(InputError, match="shorter than one window"):
        predictor.predict(replace(recording, signal_mv=recording.signal_mv[:, :200]))
    with pytest.raises(InputError, match="missing lead: V6"):
        predictor.predict(replace(recording, signal_mv=recording.signal_mv[:11], leads=LEADS[:11]))
    with pytest.raises(InputError, match="too many samples are missing in lead I"):
        predictor.predict(replace(recording, signal_mv=np.where(np.arange(1000) < 200, np.nan, recording.signal_mv)))
    long = np.broadcast_to(np.float32(0), (12, round(LONGEST_S) + 1))
    with pytest.raises(InputError, match="too long"):
        predictor.predict(SignalFile(long, 1.0, LEADS))


def test_without_calibration_there_are_probabilities_and_nothing_is_promised(plain, recording, store, split):
    found = Predictor(plain).predict(recording)
    logits = predict_logits(plain.classifier, plain.preprocessing, store, split.test[:1])
    np.testing.assert_allclose(list(found.probabilities.values()), 1 / (1 + np.exp(-logits[0])), atol=1e-4)
    assert found.label_set == {}
    assert found.strangeness is None


def test_of_classes_that_exclude_each_other_one_is_positive_and_probabilities_add_up(calibrated, recording):
    single = Predictor(replace(calibrated, task="single", thresholds=None))
    found = single.predict(recording)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert len(found.positive) == 1


def test_a_higher_promise_leaves_more_answers_open(calibrated, recording):
    few, many = (Predictor(calibrated, coverage=coverage).predict(recording).label_set for coverage in (0.5, 0.99))
    words = {"neither": set(), "yes": {"yes"}, "no": {"no"}, "yes or no": {"yes", "no"}}
    assert all(words[few[name]] <= words[many[name]] for name in few)
    with pytest.raises(InputError, match="level"):
        Predictor(calibrated, coverage=1.2)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    path = tmp_path / "none.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"none\.safetensors"):
        Predictor.load(path)


@pytest.mark.real_data
def test_rates_of_one_recording_get_nearly_one_answer(predictor, ptbxl_root):
    paths = sorted((ptbxl_root / "records500").rglob("*_hr.hea"))[:3]
    for path in paths:
        slow = ptbxl_root / "records100" / path.parent.name / path.name.replace("_hr", "_lr")
        one, other = (predictor.predict(FileReader().read(each)) for each in (path, slow))
        assert close(one, other, 0.1)
