"""Encoders, heads and the classifier they form."""

from __future__ import annotations

from ssrl_ecg.models.classifier import Classifier, head_input_dim
from ssrl_ecg.models.cnn import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.config import ModuleConfig
from ssrl_ecg.models.cpc_encoder import CPCEncoder, CPCEncoderConfig
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.models.heads import (
    AttentionPoolHead,
    AttentionPoolHeadConfig,
    ConcatPoolHead,
    ConcatPoolHeadConfig,
    Head,
    LinearHead,
    LinearHeadConfig,
    MLPHead,
    MLPHeadConfig,
)
from ssrl_ecg.models.improved import BinaryECGClassifier, ImprovedECGClassifier, ImprovedECGConfig, ImprovedECGEncoder
from ssrl_ecg.models.inception import Inception1D, InceptionConfig
from ssrl_ecg.models.ku import (
    KUCNN,
    KUCNNLSTM,
    KUCNNAttentionLSTM,
    KUCNNTransformer,
    KUConfig,
    KULayersConfig,
    KUTransformerConfig,
)
from ssrl_ecg.models.resnet import (
    MultiScaleResNet1D,
    ResNet1D,
    ResNet1D34,
    ResNet1D50,
    ResNet1D101,
    ResNetConfig,
)
from ssrl_ecg.models.s4d import S4DConfig, S4DEncoder
from ssrl_ecg.models.vit import LeadViT1D, LeadViTConfig, ViT1D, ViTConfig, ViTS1D, ViTSConfig
from ssrl_ecg.models.xresnet import (
    ResNet1DWang,
    WangConfig,
    XResNet1D,
    XResNet1D34,
    XResNet1D50,
    XResNet1D101,
    XResNetConfig,
)

ENCODERS: dict[str, type[Encoder]] = {
    "cnn": ECGEncoder1DCNN,
    "cpc": CPCEncoder,
    "improved": ImprovedECGEncoder,
    "inception1d": Inception1D,
    "ku-cnn": KUCNN,
    "ku-cnn-attention-lstm": KUCNNAttentionLSTM,
    "ku-cnn-lstm": KUCNNLSTM,
    "ku-cnn-transformer": KUCNNTransformer,
    "multiscale-resnet18": MultiScaleResNet1D,
    "resnet101": ResNet1D101,
    "resnet18": ResNet1D,
    "resnet1d-wang": ResNet1DWang,
    "resnet34": ResNet1D34,
    "resnet50": ResNet1D50,
    "s4d": S4DEncoder,
    "vit-s": ViTS1D,
    "vit-xs": ViT1D,
    "vit-xs-leads": LeadViT1D,
    "xresnet1d101": XResNet1D101,
    "xresnet1d18": XResNet1D,
    "xresnet1d34": XResNet1D34,
    "xresnet1d50": XResNet1D50,
}
"""Every encoder by the name that the command line and checkpoints use."""

HEADS: dict[str, type[Head]] = {
    "attention": AttentionPoolHead,
    "concat": ConcatPoolHead,
    "linear": LinearHead,
    "mlp": MLPHead,
}
"""Every head by the name that the command line and checkpoints use."""

__all__ = [
    "ENCODERS",
    "HEADS",
    "KUCNN",
    "KUCNNLSTM",
    "AttentionPoolHead",
    "AttentionPoolHeadConfig",
    "BinaryECGClassifier",
    "CNNConfig",
    "CPCEncoder",
    "CPCEncoderConfig",
    "Classifier",
    "ConcatPoolHead",
    "ConcatPoolHeadConfig",
    "ECGEncoder1DCNN",
    "Encoder",
    "EncoderConfig",
    "Head",
    "ImprovedECGClassifier",
    "ImprovedECGConfig",
    "ImprovedECGEncoder",
    "Inception1D",
    "InceptionConfig",
    "KUCNNAttentionLSTM",
    "KUCNNTransformer",
    "KUConfig",
    "KULayersConfig",
    "KUTransformerConfig",
    "LeadViT1D",
    "LeadViTConfig",
    "LinearHead",
    "LinearHeadConfig",
    "MLPHead",
    "MLPHeadConfig",
    "ModuleConfig",
    "MultiScaleResNet1D",
    "ResNet1D",
    "ResNet1D34",
    "ResNet1D50",
    "ResNet1D101",
    "ResNet1DWang",
    "ResNetConfig",
    "S4DConfig",
    "S4DEncoder",
    "ViT1D",
    "ViTConfig",
    "ViTS1D",
    "ViTSConfig",
    "WangConfig",
    "XResNet1D",
    "XResNet1D34",
    "XResNet1D50",
    "XResNet1D101",
    "XResNetConfig",
    "head_input_dim",
]
