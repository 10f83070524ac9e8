"""A small cohort whose classes a small network can learn, in a store built by the real code."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.source import Layout, SignalFile, Source
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing

N_RECORDS, N_SAMPLES = 60, 256


class ToySource(Source):
    """Noise plus a tone in lead I for class a, a tone in V1 for class b; classes overlap, `never` has no positive."""

    name = "toy"
    expected = Layout(100.0, N_SAMPLES)

    def __init__(self, root):
        self.root = root
        random = np.random.default_rng(5)
        self.kinds = random.integers(0, 2, (N_RECORDS, 2)).astype(np.uint8)
        time_s = np.arange(N_SAMPLES) / 100
        self.signals_mv = 0.1 * random.standard_normal((N_RECORDS, 12, N_SAMPLES))
        self.signals_mv[:, 0] += self.kinds[:, :1] * np.sin(2 * np.pi * 3 * time_s)
        self.signals_mv[:, 6] += self.kinds[:, 1:] * np.sin(2 * np.pi * 8 * time_s)

    def records(self):
        n = range(N_RECORDS)
        ids = {"record_id": [f"r{k}" for k in n], "patient_id": [f"p{k // 2}" for k in n]}
        return pd.DataFrame(ids | {"fold": [k % 10 + 1 for k in n], "path": [str(k) for k in n]})

    def read(self, record):
        return SignalFile(self.signals_mv[int(record.path)].astype(np.float32), 100.0, LEADS)

    def label_sets(self, records):
        a, b = self.kinds.T
        known = np.arange(N_RECORDS) != 0
        single = np.eye(4, dtype=np.uint8)[a + 2 * b]
        zeros = np.zeros((N_RECORDS, 1), np.uint8)
        return {
            "both": Labels("both", ("a", "b"), self.kinds, known, "multilabel"),
            "rare": Labels("rare", ("a", "b", "never"), np.hstack([self.kinds, zeros]), known, "multilabel"),
            "nothing": Labels("nothing", ("never",), zeros, known, "multilabel"),
            "has_a": Labels("has_a", ("a",), self.kinds[:, :1], known, "binary"),
            "which": Labels("which", ("none", "a", "b", "both"), single, known, "single"),
        }

    def fingerprint(self):
        return "1"


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> RecordStore:
    """60 records of 2.56 s at 100 Hz, two per patient; record 0 has no label."""
    folder = tmp_path_factory.mktemp("toy")
    return build_store(ToySource(folder), folder / "store").store


@pytest.fixture(scope="session")
def preprocessing(store) -> Preprocessing:
    """Windows of 1 s."""
    return Preprocessing(window_s=1.0).fitted([store.read_mv(np.arange(N_RECORDS))])


@pytest.fixture
def small_encoder() -> ECGEncoder1DCNN:
    torch.manual_seed(1)
    return ECGEncoder1DCNN(CNNConfig(width=2))


def make_small_classifier(n_outputs: int, width: int = 4) -> Classifier:
    encoder = ECGEncoder1DCNN(CNNConfig(width=width))
    return Classifier(encoder, LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=n_outputs))


@pytest.fixture
def small_classifier() -> Classifier:
    torch.manual_seed(1)
    return make_small_classifier(2, width=2)


@pytest.fixture
def make_classifier():
    """(n_outputs, width=4) -> a freshly initialised classifier with a linear head."""
    return make_small_classifier
