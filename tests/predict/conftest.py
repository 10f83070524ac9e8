"""A small simulated cohort and a small classifier, calibrated, shared by all tests of the room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import split_by_folds
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.predict.fitting import fit_reliability
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, save_checkpoint
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.probe import choose_probe


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    return write_synthetic_ptbxl(tmp_path_factory.mktemp("cohort") / "synthetic", 200, seed=3)


@pytest.fixture(scope="session")
def store(tmp_path_factory, cohort) -> RecordStore:
    return build_store(PTBXL(cohort), tmp_path_factory.mktemp("store") / "synthetic").store


@pytest.fixture(scope="session")
def split(store):
    return split_by_folds(store.records, tuple(range(1, 7)), (7, 8), (9, 10))


@pytest.fixture(scope="session")
def labels(store):
    return store.labels("super")


@pytest.fixture(scope="session")
def plain(store, split, labels) -> ClassifierCheckpoint:
    """Trained, not calibrated."""
    torch.manual_seed(0)
    encoder = ECGEncoder1DCNN(CNNConfig(width=4)).eval()
    preprocessing = Preprocessing(window_s=2.5).fitted([store.read_mv(split.train)])
    features = embed(encoder, preprocessing, store, np.arange(len(store)))
    probe = choose_probe(features, labels, split.train, {"validation": split.validation})["validation"]
    classifier = Classifier(encoder, probe.head()).eval()
    thresholds = (0.3,) * len(labels.classes)
    return ClassifierCheckpoint(classifier, preprocessing, labels.classes, labels.task, labels.name, thresholds)


@pytest.fixture(scope="session")
def reliability(plain, store, split, labels):
    return fit_reliability(plain, store, labels, split.train, split.validation)


@pytest.fixture(scope="session")
def calibrated(plain, reliability) -> ClassifierCheckpoint:
    return replace(plain, reliability=reliability.stored())


@pytest.fixture(scope="session")
def calibrated_path(tmp_path_factory, calibrated) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "calibrated.safetensors"
    save_checkpoint(path, calibrated)
    return path


@pytest.fixture(scope="session")
def files(cohort) -> list[Path]:
    """A few recordings of the cohort."""
    return sorted(cohort.rglob("*.hea"))[:6]
