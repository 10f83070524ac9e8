from __future__ import annotations

import time

import numpy as np
import pytest

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.methods.simclr import SimCLR
from ssrl_ecg.training import rehearsal
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.rehearsal import N_STEPS, Estimate, rehearsing

STEP_S = 0.05


def test_the_total_is_steps_and_what_follows_epochs():
    estimate = Estimate(n_steps=100, n_epochs=5, step_s=0.2, epoch_end_s=3.0, peak_memory_mb=1.0)
    assert estimate.total_s == pytest.approx(100 * 0.2 + 5 * 3.0)


def test_pretraining_ends_after_a_few_steps_and_says_what_all_would_cost(store, preprocessing, small_encoder):
    """Slowed down by known pauses, so that the estimate has a closed form."""
    n_steps, reached = 0, False

    class Slow(SimCLR):
        def loss(self, views, generator):
            nonlocal n_steps
            n_steps += 1
            time.sleep(1.0 if n_steps == 1 else STEP_S)
            return super().loss(views, generator)

    config = PretrainConfig(epochs=40, batch_size=16)
    with rehearsing() as done:
        pretrain(lambda: Slow(small_encoder, Slow.Config()), store, np.arange(32), preprocessing=preprocessing,
                 recipe=RECIPES["none"](), config=config)  # fmt: skip
        reached = True
    assert (n_steps, reached) == (N_STEPS, False)
    assert (done.estimate.n_steps, done.estimate.n_epochs) == (40 * 2, 40)
    assert STEP_S <= done.estimate.step_s < 0.9
    assert done.estimate.peak_memory_mb > 10


def test_a_classifier_is_estimated_with_its_looks(store, preprocessing, make_classifier, tmp_path):
    labels = store.labels("both")
    config = ClassifyConfig(steps=30, passes=0.0, evaluate_every=10, batch_size=16)
    with rehearsing() as done:
        train_classifier(lambda: make_classifier(2), store, np.arange(30) + 1, labels, preprocessing=preprocessing,
                         recipe=RECIPES["none"](), config=config, validations={"v": np.arange(20) + 35},
                         folder=tmp_path)  # fmt: skip
    assert (done.estimate.n_steps, done.estimate.n_epochs) == (30, 3)
    assert done.estimate.epoch_end_s > 0


def test_a_rehearsal_without_a_training_has_no_estimate_and_others_are_not_rehearsed(store):
    with rehearsing() as nothing:
        assert rehearsal.stopwatch(None) is not None
    assert nothing.estimate is None
    assert rehearsal.stopwatch(None) is None
    with pytest.raises(KeyError), rehearsing():
        raise KeyError
    assert rehearsal.stopwatch(None) is None
