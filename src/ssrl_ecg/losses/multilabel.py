"""Classification losses on logits, and the class weights that two of them use."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError


def bce(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, the mean over records and classes, in float32.

    Args:
        logits: (batch, class).
        targets: 0 or 1, (batch, class), any dtype.
        class_weights: one factor per class (class,), for positives and negatives alike; without it all count equally.

    Returns:
        Scalar in nats; NaN for an empty batch.
    """
    elements = F.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none")
    return elements.mean() if class_weights is None else (elements * class_weights).mean()


def focal(logits: Tensor, targets: Tensor, alpha: float | None = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss, alpha_t (1 - p_t)^gamma BCE, mean over all elements (Lin et al. 2017, equation 5, and its defaults).

    alpha_t is alpha for positives and 1 - alpha for negatives. SSRL-ECG multiplies every element by .25 instead, which
    only rescales the loss: ``alpha=None`` leaves the balance out and is that loss but for the factor.

    Args:
        logits: (batch, class).
        targets: 0 or 1, (batch, class), any dtype.
        alpha: weight of the positives in [0, 1].
        gamma: how strongly easy elements are discounted; 0, or >= 1 (between, the gradient is infinite at p_t = 1).

    Returns:
        Scalar; gamma = 0 with ``alpha=None`` is ``bce``.

    Raises:
        InputError: alpha or gamma is out of range.
    """
    if not (gamma == 0 or gamma >= 1):
        raise InputError("focal gamma is out of range", field="gamma", expected="0 or >= 1", found=gamma)
    if alpha is not None and not 0 <= alpha <= 1:
        raise InputError("focal alpha is out of range", field="alpha", expected="a number in [0, 1]", found=alpha)
    targets = targets.float()
    surprise = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    # surprise = -ln p_t, so 1 - p_t = -expm1(-surprise), exact also for confident elements.
    elements = (-torch.expm1(-surprise)) ** gamma * surprise
    if alpha is not None:
        elements = elements * (alpha * targets + (1 - alpha) * (1 - targets))
    return elements.mean()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy of a single-label task, the mean over records, in float32.

    Args:
        logits: (batch, class).
        targets: one-hot (batch, class), any dtype.

    Returns:
        Scalar in nats; NaN for an empty batch.
    """
    return F.cross_entropy(logits.float(), targets.float())


def class_balanced_weights(class_counts: Tensor, beta: float = 0.9999) -> Tensor:
    """Weigh classes by the inverse of their effective number, (1 - beta) / (1 - beta^n) (Cui et al. 2019, equation 6).

    Args:
        class_counts: positives per class in the training set (class,), whole numbers >= 0.
        beta: in [0, 1); 0: equal weights, towards 1: ``inverse_frequency_weights``; .9999 as in the paper.

    Returns:
        float32 (class,), mean 1 over the classes present; a class without positives has no frequency and keeps 1.

    Raises:
        InputError: beta is out of range, or a count is negative.
    """
    if not 0 <= beta < 1:
        raise InputError("class-balanced beta is out of range", field="beta", expected="a number in [0, 1)", found=beta)
    return _mean_one(lambda counts: (1 - beta) / (1 - beta**counts), class_counts)


def inverse_frequency_weights(class_counts: Tensor) -> Tensor:
    """Weigh classes by one over their number of positives.

    Args:
        class_counts: positives per class in the training set (class,), whole numbers >= 0.

    Returns:
        float32 (class,), mean 1 over the classes present; a class without positives has no frequency and keeps 1.

    Raises:
        InputError: a count is negative.
    """
    return _mean_one(torch.reciprocal, class_counts)


def _mean_one(weigh: Callable[[Tensor], Tensor], class_counts: Tensor) -> Tensor:
    """Apply ``weigh`` to the positive counts and scale the result to mean 1; empty classes get 1."""
    if (class_counts < 0).any():
        raise InputError("class counts cannot be negative", found=class_counts.tolist())
    weights = torch.ones(class_counts.shape, dtype=torch.float64, device=class_counts.device)
    present = class_counts > 0
    raw = weigh(class_counts[present].double())
    weights[present] = raw / raw.mean()
    return weights.float()


def _bce(logits: Tensor, targets: Tensor, class_counts: Tensor) -> Tensor:
    return bce(logits, targets)


def _focal(logits: Tensor, targets: Tensor, class_counts: Tensor) -> Tensor:
    return focal(logits, targets)


def _class_balanced(logits: Tensor, targets: Tensor, class_counts: Tensor) -> Tensor:
    return bce(logits, targets, class_balanced_weights(class_counts))


def _weighted(logits: Tensor, targets: Tensor, class_counts: Tensor) -> Tensor:
    return bce(logits, targets, inverse_frequency_weights(class_counts))


ClassificationLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (batch, class), targets (batch, class), positives per class in the training set (class,)) -> scalar."""

CLASSIFICATION_LOSSES: dict[str, ClassificationLoss] = {
    "bce": _bce,
    "class_balanced": _class_balanced,
    "focal": _focal,
    "weighted": _weighted,
}
"""Losses of multi-label and binary tasks by the name of the ``--loss`` flag; single-label: ``cross_entropy``."""
