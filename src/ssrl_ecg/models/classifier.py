"""A classifier is an encoder and a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.heads import Head


class Classifier(nn.Module):
    """Normalised ECG (batch, lead, time) -> logits (batch, class).

    No sigmoid or softmax: a multi-label task has one logit per class, a binary task a single one, and a single-label
    task one per class under a softmax. What the logits mean is the loss's affair.

    Raises:
        InputError: the head reads another number of features than the encoder gives.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        expected = head_input_dim(encoder, type(head))
        if head.feature_dim != expected:
            raise InputError("head and encoder do not fit", expected=expected, found=head.feature_dim)
        self.encoder, self.head = encoder, head

    def forward(self, signal: Tensor) -> Tensor:
        """Compute logits (batch, class) of a normalised signal (batch, lead, time)."""
        features = self.encoder.feature_map(signal) if self.head.reads_map else self.encoder(signal)
        logits: Tensor = self.head(features)
        return logits

    def with_features(self, signal: Tensor) -> Tensor:
        """Compute logits and the encoder's feature vector in one pass: (batch, class + feature_dim), logits first."""
        feature_map = self.encoder.feature_map(signal)
        features = self.encoder.pool(feature_map)
        return torch.cat([self.head(feature_map if self.head.reads_map else features), features], dim=1)


def head_input_dim(encoder: Encoder, kind: type[Head]) -> int:
    """Return how many features a head of this kind reads: the channels of the map, or the length of the vector."""
    return encoder.map_dim if kind.reads_map else encoder.feature_dim
