import importlib.util

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.floors.minirocket import check_minirocket, minirocket_features
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


def test_a_missing_package_is_named_before_the_work(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"ssrl-ecg\[floors\]"):
        check_minirocket()
