from dataclasses import replace

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.splits import rotation_splits, without_validation
from ssrl_ecg.evaluation.arms import HEAD_INVERSE_PENALTY, ProbeArm, Task, TrainedArm, linear_classifier
from ssrl_ecg.models import ECGEncoder1DCNN
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.probe import INVERSE_PENALTIES, cross_validated_probe, fit_probe

CONFIG = ClassifyConfig(steps=4, passes=0, evaluate_every=2, batch_size=8)


@pytest.fixture
def task(synthetic_store):
    splits = rotation_splits(synthetic_store.records)
    return Task(synthetic_store, synthetic_store.labels("super"), splits[0].train[:30], splits, seed=3)


def encoder(_=0):
    return ECGEncoder1DCNN(CNNConfig(width=4))


def trained(task, **changes):
    preprocessing = Preprocessing(window_s=2.5, normalisation="record")
    arguments = {"name": "x", "family": "method", "make_encoder": encoder, "preprocessing": preprocessing} | changes
    return TrainedArm(recipe=RECIPES["none"](), config=CONFIG, compute=Compute(accelerator="cpu"), **arguments).run(
        task
    )


def test_cells_do_not_depend_on_what_ran_before(task):
    """The reference benchmark let fine-tuned weights leak into the next cell; here every cell builds its own."""
    first = trained(task)
    trained(Task(task.store, task.labels, task.rows[:10], task.splits, seed=9))
    again = trained(task)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first, again, strict=True))


def test_a_pretrained_encoder_is_not_changed_by_fine_tuning(task):
    torch.manual_seed(0)
    kept = encoder()
    before = {name: value.clone() for name, value in kept.state_dict().items()}

    def copy_of(_):
        fresh = encoder()
        fresh.load_state_dict(kept.state_dict())
        return fresh

    trained(task, make_encoder=copy_of)
    assert all(torch.equal(value, before[name]) for name, value in kept.state_dict().items())


def test_fine_tuning_starts_from_the_head_of_the_probe(task):
    features = np.random.default_rng(0).normal(size=(len(task.store), 16)).astype(np.float32)
    arm = TrainedArm(
        "x", "method", encoder, Preprocessing(normalisation="record"), RECIPES["none"](), CONFIG, lambda _: features
    )
    probe = fit_probe(features[task.rows], task.labels.values[task.rows], HEAD_INVERSE_PENALTY)
    assert arm._classifier(task).head.output.weight.detach().numpy() == pytest.approx(probe.weight, abs=1e-5)


@pytest.mark.parametrize("with_features", [True, False])
def test_scores_of_a_split_do_not_depend_on_the_labels_of_its_test_rows(task, with_features):
    """In a rotation another split validates on them: nothing that all splits share may be chosen there."""
    split, labels = task.splits[2], task.labels
    values = labels.values.copy()
    values[split.test] = 1 - values[split.test]
    changed = replace(task, labels=replace(labels, values=values))
    features = np.random.default_rng(2).normal(size=(len(task.store), 16)) + labels.values[:, :1]
    arguments = {"features": lambda _: features} if with_features else {}
    assert np.array_equal(trained(task, **arguments)[2].test, trained(changed, **arguments)[2].test)
    probe = ProbeArm("p", "floor", lambda _: features)
    assert np.array_equal(probe.run(task)[2].test, probe.run(changed)[2].test)


def test_each_split_gets_the_penalty_of_its_own_validation_rows(task):
    features = np.random.default_rng(1).normal(size=(len(task.store), 3)) + task.labels.values[:, :3]
    scores = ProbeArm("p", "floor", lambda _: features).run(task)
    for split, one in zip(task.splits, scores, strict=True):
        candidates = [
            fit_probe(features[task.rows], task.labels.values[task.rows], value) for value in INVERSE_PENALTIES
        ]
        assert any(np.allclose(probe.logits(features[split.test]), one.test) for probe in candidates)
        assert one.test.shape == (len(split.test), 5)
        assert one.validation.shape == (len(split.validation), 5)


def test_linear_classifier_fits_the_encoder():
    classifier = linear_classifier(encoder(), 3)
    assert classifier(torch.zeros(2, 12, 100)).shape == (2, 3)


@pytest.fixture
def alone(task):
    """The same task without validation rows."""
    return replace(task, splits=[without_validation(task.splits)])


def test_without_validation_a_network_keeps_its_last_weights(task, alone):
    """As it does beside a validation set of which nothing can be learnt."""
    values = task.labels.values.copy()
    for split in task.splits:
        values[split.validation] = 0
    with pytest.warns(UserWarning, match="cannot choose"):
        last = trained(replace(task, labels=replace(task.labels, values=values)))
    (scores,) = trained(alone)
    assert scores.validation.shape == (0, 5)
    for split, one in zip(task.splits, last, strict=True):
        found = scores.test[np.searchsorted(alone.splits[0].test, split.test)]
        np.testing.assert_allclose(found, one.test, atol=1e-6)


def test_without_validation_a_probe_chooses_within_the_labelled_rows(alone):
    features = np.random.default_rng(1).normal(size=(len(alone.store), 3)) + alone.labels.values[:, :3]
    (scores,) = ProbeArm("p", "floor", lambda _: features).run(alone)
    patients = alone.store.records["patient_id"].to_numpy()
    probe = cross_validated_probe(features, alone.labels, alone.rows, patients, alone.seed)
    assert np.array_equal(scores.test, probe.logits(features[alone.splits[0].test]))
    assert scores.validation.shape == (0, 5)


@pytest.mark.parametrize("with_features", [True, False])
def test_without_validation_no_label_but_the_given_ones_is_looked_at(alone, with_features):
    values = 1 - alone.labels.values
    values[alone.rows] = alone.labels.values[alone.rows]
    changed = replace(alone, labels=replace(alone.labels, values=values))
    features = np.random.default_rng(2).normal(size=(len(alone.store), 16)) + alone.labels.values[:, :1]
    arguments = {"features": lambda _: features} if with_features else {}
    assert np.array_equal(trained(alone, **arguments)[0].test, trained(changed, **arguments)[0].test)
    probe = ProbeArm("p", "floor", lambda _: features)
    assert np.array_equal(probe.run(alone)[0].test, probe.run(changed)[0].test)
