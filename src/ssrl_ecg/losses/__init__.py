"""Losses: pure functions of tensors."""

from __future__ import annotations

from ssrl_ecg.losses.barlow_twins import barlow_twins_loss
from ssrl_ecg.losses.byol import byol_loss
from ssrl_ecg.losses.contrastive import nt_xent
from ssrl_ecg.losses.moco import queue_contrast
from ssrl_ecg.losses.multilabel import (
    CLASSIFICATION_LOSSES,
    ClassCounts,
    ClassificationLoss,
    asymmetric,
    balancing_alpha,
    bce,
    class_balanced_weights,
    clinical_weights,
    cross_entropy,
    focal,
    inverse_frequency_weights,
    positive_weights,
)
from ssrl_ecg.losses.patient import patient_info_nce
from ssrl_ecg.losses.poly_window import poly_window_loss
from ssrl_ecg.losses.reconstruction import masked_l1, masked_mse
from ssrl_ecg.losses.regression import huber_known
from ssrl_ecg.losses.segmentation import cross_entropy_dice
from ssrl_ecg.losses.sequence import draw_negatives, sequence_info_nce
from ssrl_ecg.losses.soft_contrastive import feature_similarity, similarity_regression, soft_contrastive
from ssrl_ecg.losses.swav import sinkhorn, swapped_prediction
from ssrl_ecg.losses.vicreg import VICRegTerms, vicreg_terms

__all__ = [
    "CLASSIFICATION_LOSSES",
    "ClassCounts",
    "ClassificationLoss",
    "VICRegTerms",
    "asymmetric",
    "balancing_alpha",
    "barlow_twins_loss",
    "bce",
    "byol_loss",
    "class_balanced_weights",
    "clinical_weights",
    "cross_entropy",
    "cross_entropy_dice",
    "draw_negatives",
    "feature_similarity",
    "focal",
    "huber_known",
    "inverse_frequency_weights",
    "masked_l1",
    "masked_mse",
    "nt_xent",
    "patient_info_nce",
    "poly_window_loss",
    "positive_weights",
    "queue_contrast",
    "sequence_info_nce",
    "similarity_regression",
    "sinkhorn",
    "soft_contrastive",
    "swapped_prediction",
    "vicreg_terms",
]
