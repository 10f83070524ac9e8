from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.models import Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint

PREPROCESSING = Preprocessing(window_s=1.0, highpass_hz=0.5, clip_mv=5.0, normalisation="record")


@pytest.fixture(scope="session")
def checkpoint() -> ClassifierCheckpoint:
    torch.manual_seed(0)
    encoder = ECGEncoder1DCNN(CNNConfig(width=2))
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=2)
    return ClassifierCheckpoint(Classifier(encoder, head).eval(), PREPROCESSING, ("NORM", "MI"), "multilabel", "toy")


@pytest.fixture(scope="session")
def encoder_checkpoint(checkpoint) -> EncoderCheckpoint:
    return EncoderCheckpoint(checkpoint.classifier.encoder, PREPROCESSING)


@pytest.fixture
def signal_mv() -> np.ndarray:
    """(12, 500) float32: 2 s at 250 Hz of noise that obeys the laws of the limb leads."""
    signal = 0.3 * np.random.default_rng(1).standard_normal((12, 500))
    one, two = signal[:2]
    signal[2:6] = two - one, -(one + two) / 2, one - two / 2, two - one / 2
    return signal.astype(np.float32)


@pytest.fixture
def body(signal_mv) -> dict[str, object]:
    return {"signal": signal_mv.tolist(), "sampling_rate_hz": 250.0, "leads": list(LEADS)}
