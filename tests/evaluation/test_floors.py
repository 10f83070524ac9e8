import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.splits import split_by_folds
from ssrl_ecg.evaluation.arms import Task, in_turn
from ssrl_ecg.evaluation.floors import _RIDGE_PENALTIES, RidgeArm, minirocket_features
from ssrl_ecg.signals.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(highpass_hz=0.5)


def test_biases_come_from_training_records_alone(synthetic_store):
    training = np.arange(20)
    features = minirocket_features(synthetic_store, training, PREPROCESSING, n_kernels=168, batch_size=64)
    assert features.shape == (len(synthetic_store), 168)
    assert features.dtype == np.float32
    one_batch = minirocket_features(synthetic_store, training, PREPROCESSING, n_kernels=168, batch_size=1000)
    assert np.array_equal(features, one_batch)
    assert not np.array_equal(
        features, minirocket_features(synthetic_store, training + 20, PREPROCESSING, n_kernels=168)
    )


def test_ridge_takes_the_penalty_with_the_smallest_leave_one_out_error(synthetic_store):
    labels = synthetic_store.labels("super")
    split = split_by_folds(synthetic_store.records, [1, 2, 3], [4], [5])
    features = np.random.default_rng(0).normal(size=(len(synthetic_store), 7)) + labels.values.sum(
        axis=1, keepdims=True
    )
    scores = RidgeArm("ridge", features).run(Task(synthetic_store, labels, split.train, [split], 0))[0]
    scaler = StandardScaler().fit(features[split.train])
    inputs, targets = scaler.transform(features), labels.values.astype(float)
    column = 0

    def leave_one_out(alpha):
        errors = []
        for row in split.train:
            rest = split.train[split.train != row]
            model = Ridge(alpha=alpha).fit(inputs[rest], targets[rest, column])
            errors.append((model.predict(inputs[[row]])[0] - targets[row, column]) ** 2)
        return np.mean(errors)

    best = min(_RIDGE_PENALTIES, key=leave_one_out)
    expected = Ridge(alpha=best).fit(inputs[split.train], targets[split.train, column]).predict(inputs[split.test])
    assert scores.test[:, column] == pytest.approx(expected, abs=1e-5)


def test_seeds_share_entries_in_turn():
    entry = in_turn(3, lambda number: number)
    assert [entry(seed) for seed in (42, 43, 44, 45)] == [0, 1, 2, 0]
