from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.transfer.crossfit import (
    N_NORMAL,
    choose_offsets,
    confusion,
    cross_fit,
    deal_folds,
    macro_f1,
    thinned,
)


def test_confusion_and_macro_f1_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    classes, called = rng.integers(0, 5, 300), rng.integers(0, 4, 300)
    counts = confusion(classes, called)
    np.testing.assert_array_equal(counts, confusion_matrix(classes, called, labels=range(5)))
    assert macro_f1(counts) == pytest.approx(f1_score(classes, called, labels=range(4), average="macro"))


def test_a_class_that_does_not_occur_is_in_no_mean():
    counts = np.zeros((5, 5), int)
    counts[0, 0], counts[2, 2], counts[2, 0] = 5, 3, 1
    assert macro_f1(counts) == pytest.approx((10 / 11 + 6 / 7) / 2)
    assert np.isnan(macro_f1(np.zeros((5, 5), int)))


def test_folds_share_out_s_and_v_and_hold_all_records():
    rng = np.random.default_rng(1)
    counts = np.column_stack([rng.integers(1000, 2000, 22), rng.integers(0, 60, (22, 2)), np.zeros((22, 2), int)])
    folds = deal_folds(counts)
    shares = np.array([counts[folds == fold].sum(axis=0) for fold in range(4)]) / np.maximum(counts.sum(axis=0), 1)
    assert set(folds) == {0, 1, 2, 3}
    assert np.abs(shares[:, 1:3] - 0.25).max() < 0.06
    np.testing.assert_array_equal(folds, deal_folds(counts))


def test_offsets_are_at_least_as_good_as_any_pair_of_a_coarse_grid():
    rng = np.random.default_rng(2)
    classes = rng.choice(4, 400, p=[0.8, 0.08, 0.1, 0.02]).astype(np.int8)
    logits = rng.standard_normal((400, 4)) + 1.5 * np.eye(4)[classes] + [0, 2, -1, 0]
    offsets = choose_offsets(logits, classes)

    def score(offsets):
        return macro_f1(confusion(classes, (logits + offsets).argmax(axis=1)))

    assert offsets[0] == 0
    assert score(offsets) > score(np.zeros(4)) + 0.05
    assert score(offsets) >= max(score([0, s, v, offsets[3]]) for s, v in product(range(-3, 3), repeat=2)) - 0.01


def fake_beats():
    rng = np.random.default_rng(3)
    record = np.repeat(np.arange(10), 400)
    classes = rng.choice(5, 4000, p=[0.9, 0.04, 0.04, 0.01, 0.01]).astype(np.int8)
    return SimpleNamespace(record=record, classes=classes)


def test_normal_beats_are_thinned_evenly_and_q_is_not_learned():
    beats = fake_beats()
    beats.record[:] = 0
    kept = thinned(beats, np.arange(4000))
    classes = beats.classes[kept]
    assert (classes == 0).sum() == N_NORMAL
    np.testing.assert_array_equal(kept[classes > 0], np.flatnonzero((beats.classes > 0) & (beats.classes < 4)))
    gaps = np.diff(np.searchsorted(np.flatnonzero(beats.classes == 0), kept[classes == 0]))
    assert set(gaps) <= {gaps.min(), gaps.min() + 1}


class Knows:
    """Scores by class after being told how sure to be; notes what it was given."""

    settings = (0.0, 3.0)

    def __init__(self, beats):
        self.beats, self.known, self.seeds = beats, [], []

    def log_probabilities(self, known, wanted, setting, seed):
        self.known.append(known)
        rng = np.random.default_rng(len(self.known))
        logits = rng.standard_normal((len(wanted), 4))
        logits[np.arange(len(wanted)), np.minimum(self.beats.classes[wanted], 3)] += setting
        return logits


def test_no_beat_of_a_held_out_record_is_learned_from_and_the_better_setting_is_taken():
    beats = fake_beats()
    train, test = np.flatnonzero(beats.record < 8), np.flatnonzero(beats.record >= 8)
    folds = np.where(beats.record < 8, beats.record % 4, -1)
    arm = Knows(beats)
    fit = cross_fit(arm, beats, folds, train, test, seed=1)
    assert fit.setting == 1
    assert len(arm.known) == 2 * 4
    for number, known in enumerate(arm.known):
        assert set(beats.record[known]) == {one for one in range(8) if one % 4 != number % 4}
    assert len(fit.test) == len(test)
    assert macro_f1(confusion(beats.classes[test], fit.test)) > 0.7


def test_log_probabilities_that_are_not_finite_are_refused():
    beats = fake_beats()
    train, test = np.flatnonzero(beats.record < 8), np.flatnonzero(beats.record >= 8)
    arm = Knows(beats)
    arm.log_probabilities = lambda known, wanted, setting, seed: np.full((len(wanted), 4), np.nan)
    with pytest.raises(InputError, match="log probabilities without fold 0"):
        cross_fit(arm, beats, np.where(beats.record < 8, beats.record % 4, -1), train, test, seed=1)


def test_classes_of_test_beats_decide_nothing():
    beats = fake_beats()
    train, test = np.flatnonzero(beats.record < 8), np.flatnonzero(beats.record >= 8)
    folds = np.where(beats.record < 8, beats.record % 4, -1)
    truth = SimpleNamespace(record=beats.record, classes=beats.classes.copy())
    before = cross_fit(Knows(truth), beats, folds, train, test, seed=1)
    beats.classes[test] = 0
    after = cross_fit(Knows(truth), beats, folds, train, test, seed=1)
    np.testing.assert_array_equal(before.test, after.test)
    np.testing.assert_array_equal(before.offsets, after.offsets)
