"""The deeper convolutional encoder of SSRL-ECG and the classifiers it put on it, under their published names."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ssrl_ecg.models.classifier import Classifier
from ssrl_ecg.models.config import require_between
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.models.heads import ConcatPoolHead, ConcatPoolHeadConfig


@dataclass(frozen=True, kw_only=True)
class ImprovedECGConfig(EncoderConfig):
    """Settings of ``ImprovedECGEncoder``; the published width is 64."""

    dropout: float = 0.2
    """Probability of dropping an activation after each block while training, in [0, 1]; the published value."""

    def __post_init__(self) -> None:
        """Refuse sizes and probabilities out of range."""
        super().__post_init__()
        require_between("dropout", self.dropout, 0.0, 1.0)


class _Block(nn.Module):
    """Convolution, BN, ReLU, dropout; added to what came in where the shape is unchanged."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.layers(features)
        return changed + features if self.adds else changed


class ImprovedECGEncoder(Encoder):
    """A stem of kernel 15, then eight blocks in three stages; the first block of each stage halves time.

    Kernels 11-7, 7-5-5 and 5-3-3; w, 2w and 4w channels. At width 64 and 12 leads: 866,176 parameters, 256 features,
    time / 8. Accepts 8 samples or more. The architecture is SSRL-ECG's.
    """

    Config = ImprovedECGConfig
    minimum_samples = 8

    def __init__(self, config: ImprovedECGConfig) -> None:
        super().__init__(config)
        width, dropout = config.width, config.dropout
        self.layer_dims = (width, width, 2 * width, 4 * width)
        stages = [nn.Sequential(_Block(config.n_leads, width, 15, 1, dropout=0.0))]
        kernels = ((11, 7), (7, 5, 5), (5, 3, 3))
        for in_channels, out_channels, (first, *later) in zip(
            self.layer_dims, self.layer_dims[1:], kernels, strict=False
        ):
            blocks = [_Block(in_channels, out_channels, first, 2, dropout)]
            blocks += [_Block(out_channels, out_channels, kernel, 1, dropout) for kernel in later]
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = []
        for stage in self.stages:
            signal = stage(signal)
            layers.append(signal)
        return layers


class ImprovedECGClassifier(Classifier):
    """The encoder under average and maximum, dropout, linear to as many units as channels, ReLU, BN, dropout, linear.

    Args:
        encoder: at width 64 the hidden layer is the published 512 -> 256.
        n_classes: number of logits; five superclasses as published.
        dropout: probability of dropping while training, in [0, 1].

    Raises:
        InputError: a number out of range.
    """

    def __init__(self, encoder: ImprovedECGEncoder, n_classes: int = 5, dropout: float = 0.3) -> None:
        config = ConcatPoolHeadConfig(hidden=encoder.map_dim, dropout=dropout)
        super().__init__(encoder, ConcatPoolHead(config, feature_dim=encoder.map_dim, n_outputs=n_classes))


class BinaryECGClassifier(ImprovedECGClassifier):
    """One logit (batch, 1) for one diagnosis; the published class drops the second axis, binary tasks here keep it."""

    def __init__(self, encoder: ImprovedECGEncoder, dropout: float = 0.3) -> None:
        super().__init__(encoder, n_classes=1, dropout=dropout)
