"""Losses: pure functions of tensors."""

from __future__ import annotations

from ssrl_ecg.losses.byol import byol_loss
from ssrl_ecg.losses.contrastive import nt_xent
from ssrl_ecg.losses.multilabel import (
    CLASSIFICATION_LOSSES,
    ClassificationLoss,
    bce,
    class_balanced_weights,
    cross_entropy,
    focal,
    inverse_frequency_weights,
)
from ssrl_ecg.losses.reconstruction import masked_l1, masked_mse
from ssrl_ecg.losses.regression import huber_known

__all__ = [
    "CLASSIFICATION_LOSSES",
    "ClassificationLoss",
    "bce",
    "byol_loss",
    "class_balanced_weights",
    "cross_entropy",
    "focal",
    "huber_known",
    "inverse_frequency_weights",
    "masked_l1",
    "masked_mse",
    "nt_xent",
]
