import importlib.util

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.floors.minirocket import MiniRocketFeatures, check_minirocket
from ssrl_ecg.signals.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(highpass_hz=0.5)


def test_biases_come_from_training_records_alone(synthetic_store):
    training, every = np.arange(20), np.arange(len(synthetic_store))
    fitted = MiniRocketFeatures(synthetic_store, training, PREPROCESSING, n_kernels=168)
    features = fitted.of(synthetic_store, every, batch_size=64)
    assert features.shape == (len(synthetic_store), 168)
    assert features.dtype == np.float32
    assert np.array_equal(features, fitted.of(synthetic_store, every, batch_size=1000))
    assert np.array_equal(features[[7, 3]], fitted.of(synthetic_store, np.array([7, 3])))
    others = MiniRocketFeatures(synthetic_store, training + 20, PREPROCESSING, n_kernels=168)
    assert not np.array_equal(features, others.of(synthetic_store, every))


def test_a_missing_package_is_named_before_the_work(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"ssrl-ecg\[floors\]"):
        check_minirocket()
