"""What calibration found out comes back from the checkpoint as it was, and damage is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.platt import Recalibrated
from ssrl_ecg.predict.fitting import Seen
from ssrl_ecg.predict.reliability import Reliability
from ssrl_ecg.predict.strangeness import ASPECTS
from ssrl_ecg.signals.character import character
from ssrl_ecg.training.checkpoint import load_classifier, load_encoder


def test_survives_the_checkpoint(calibrated_path, reliability, store, split):
    found = Reliability.of(load_classifier(calibrated_path))
    logits = np.random.default_rng(0).normal(size=(4, 5))
    np.testing.assert_array_equal(
        found.recalibrated.probabilities(logits), reliability.recalibrated.probabilities(logits)
    )
    np.testing.assert_array_equal(
        found.label_sets.open_answers(found.scores(logits), 0.9),
        reliability.label_sets.open_answers(reliability.scores(logits), 0.9),
    )
    facts = character(store.read_mv(split.test), 100.0)
    features = np.random.default_rng(0).normal(size=(len(split.test), len(found.strangeness.features.mean)))
    np.testing.assert_allclose(
        found.strangeness.aspects(features, facts), reliability.strangeness.aspects(features, facts), rtol=1e-3
    )
    assert found.facts["n_validation"] == len(split.validation)


def test_weights_are_read_beside_it(calibrated_path, plain):
    encoder = load_encoder(calibrated_path).encoder
    for name, value in plain.classifier.encoder.state_dict().items():
        assert (encoder.state_dict()[name] == value).all()


def test_a_classifier_without_calibration_has_none(plain):
    assert Reliability.of(plain) is None


@pytest.mark.parametrize("name", ["slope", "features.whitening", "arrangement.weight", "limit"])
def test_damage_is_named(calibrated, name):
    stored = calibrated.reliability
    spoiled = [{**stored.arrays, name: stored.arrays[name][:-1]}, {**stored.arrays, name: stored.arrays[name] * np.nan}]
    lacking = {key: value for key, value in stored.arrays.items() if key != name}
    for arrays in (*spoiled, lacking):
        with pytest.raises(InputError, match="calibrate again"):
            Reliability.of(replace(calibrated, reliability=replace(stored, arrays=arrays)))


def test_calibration_is_said_of_test_records_or_else_of_validation_records(reliability):
    facts = {
        "n_validation": 246,
        "validation": {"classes": ["A", "B"], "ece_after": [0.25, 0.75]},
        "test": {"n_records": 543, "calibration": {"ece_after": [0.03, 0.01]}},
    }
    tested = replace(reliability, facts=facts)
    assert tested.calibration == "ECE 0.020 on 543 test records (mean of 2 classes; largest: A, 0.030)"
    untested = replace(reliability, facts={**facts, "test": None})
    assert untested.calibration == "ECE 0.500 on 246 validation records (mean of 2 classes; largest: B, 0.750)"
    assert f"on {reliability.facts['n_validation']} validation records" in reliability.calibration


def test_scores_of_exclusive_classes_are_log_odds_of_their_softmax(reliability):
    exclusive = replace(reliability, recalibrated=Recalibrated(np.full(5, 0.5), np.zeros(5), exclusive=True))
    logits = np.random.default_rng(0).normal(size=(4, 5))
    probabilities = exclusive.recalibrated.probabilities(logits)
    np.testing.assert_allclose(exclusive.scores(logits), np.log(probabilities / (1 - probabilities)))
    np.testing.assert_array_equal(reliability.scores(logits), logits)


def test_units_of_strangeness_are_set_by_validation_records(plain, reliability, store, split):
    seen = Seen.of(plain, store, split.validation)
    aspects = reliability.strangeness.aspects(seen.features, seen.facts)
    np.testing.assert_allclose(np.median(aspects, axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.quantile(aspects, 0.99, axis=0), 1)
    assert aspects.shape == (len(split.validation), len(ASPECTS))
    for reasons, row in zip(reliability.strangeness.reasons(aspects, seen.facts), aspects, strict=True):
        assert len(reasons) == (row > 1).sum()
