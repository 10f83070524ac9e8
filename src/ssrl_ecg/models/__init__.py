"""Encoders, heads and the classifier they form."""

from __future__ import annotations

from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.cnn import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.config import ModuleConfig
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.models.heads import (
    AttentionPoolHead,
    AttentionPoolHeadConfig,
    Head,
    LinearHead,
    LinearHeadConfig,
    MLPHead,
    MLPHeadConfig,
)
from ssrl_ecg.models.resnet import ResNet1D, ResNetConfig

ENCODERS: dict[str, type[Encoder]] = {
    "cnn": ECGEncoder1DCNN,
    "resnet18": ResNet1D,
}
"""Every encoder by the name that the command line and checkpoints use."""

HEADS: dict[str, type[Head]] = {
    "attention": AttentionPoolHead,
    "linear": LinearHead,
    "mlp": MLPHead,
}
"""Every head by the name that the command line and checkpoints use."""

__all__ = [
    "ENCODERS",
    "HEADS",
    "AttentionPoolHead",
    "AttentionPoolHeadConfig",
    "CNNConfig",
    "Classifier",
    "ECGEncoder1DCNN",
    "Encoder",
    "EncoderConfig",
    "Head",
    "LinearHead",
    "LinearHeadConfig",
    "MLPHead",
    "MLPHeadConfig",
    "ModuleConfig",
    "ResNet1D",
    "ResNetConfig",
]
