"""Classification losses on logits, and how classes and their positives are weighed in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError

CLINICAL_IMPORTANCE: Mapping[str, float] = {"NORM": 1.0, "MI": 3.0, "STTC": 2.0, "HYP": 2.5, "CD": 3.5}
"""How much an error in a superclass of PTB-XL matters, as SSRL-ECG sets it; a judgement, not a measurement."""


@dataclass(frozen=True)
class ClassCounts:
    """What a loss may know of the labels it is trained on.

    Attributes:
        classes: names, in the order of the logits.
        positives: positives of each class in the training set (class,), whole numbers >= 0.
        n_records: records of the training set.

    Raises:
        InputError: a count is negative, above the number of records, or there is not one for each class.
    """

    classes: tuple[str, ...]
    positives: Tensor
    n_records: int

    def __post_init__(self) -> None:
        counts = self.positives.tolist()
        if len(counts) != len(self.classes) or not all(0 <= count <= self.n_records for count in counts):
            expected = f"{len(self.classes)} numbers in [0, {self.n_records}]"
            raise InputError("impossible class counts", field="positives", expected=expected, found=counts)


def bce(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None, positive_weights: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy, the mean over records and classes, in float32.

    Args:
        logits: (batch, class).
        targets: 0 or 1, (batch, class), any dtype.
        class_weights: one factor per class (class,), for positives and negatives alike; without it all count equally.
        positive_weights: one factor per class (class,), for positives alone; without it they count as negatives do.

    Returns:
        Scalar in nats; NaN for an empty batch.
    """
    if positive_weights is not None:
        positive_weights = positive_weights.to(logits.device)
    elements = F.binary_cross_entropy_with_logits(
        logits.float(), targets.float(), pos_weight=positive_weights, reduction="none"
    )
    return elements.mean() if class_weights is None else (elements * class_weights.to(logits.device)).mean()


def focal(logits: Tensor, targets: Tensor, alpha: float | Tensor | None = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss, alpha_t (1 - p_t)^gamma BCE, mean over all elements (Lin et al. 2017, equation 5, and its defaults).

    alpha_t is alpha for positives and 1 - alpha for negatives. SSRL-ECG multiplies every element by .25 instead, which
    only rescales the loss: ``alpha=None`` leaves the balance out and is that loss but for the factor.

    Args:
        logits: (batch, class).
        targets: 0 or 1, (batch, class), any dtype.
        alpha: weight of the positives in [0, 1]: one for all classes, or one per class (class,).
        gamma: how strongly easy elements are discounted; 0, or >= 1 (between, the gradient is infinite at p_t = 1).

    Returns:
        Scalar; gamma = 0 with ``alpha=None`` is ``bce``.

    Raises:
        InputError: alpha or gamma is out of range.
    """
    _check_gamma("gamma", gamma)
    targets = targets.float()
    surprise = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    # surprise = -ln p_t, so 1 - p_t = -expm1(-surprise), exact also for confident elements.
    elements = (-torch.expm1(-surprise)) ** gamma * surprise
    if alpha is not None:
        share = torch.as_tensor(alpha, dtype=torch.float32, device=logits.device)
        if not ((share >= 0) & (share <= 1)).all():
            raise InputError("focal alpha is out of range", field="alpha", expected="in [0, 1]", found=share.tolist())
        elements = elements * (share * targets + (1 - share) * (1 - targets))
    return elements.mean()


def asymmetric(
    logits: Tensor, targets: Tensor, gamma_positive: float = 0.0, gamma_negative: float = 4.0, margin: float = 0.05
) -> Tensor:
    """Asymmetric loss: easy negatives are discounted, the easiest dropped (Ridnik et al. 2021, equations 4 to 7).

    With p the sigmoid of the logit and p_m = max(p - margin, 0), a positive costs -(1 - p)^gamma_positive ln p and a
    negative -p_m^gamma_negative ln(1 - p_m). The mean over all elements, in float32; defaults are the paper's.

    Args:
        logits: (batch, class).
        targets: 0 or 1, (batch, class), any dtype.
        gamma_positive: discount of easy positives; 0, or >= 1.
        gamma_negative: discount of easy negatives; 0, or >= 1.
        margin: negatives with a probability up to this cost nothing, in [0, 1).

    Returns:
        Scalar; without a margin and with equal gammas it is ``focal`` without alpha.

    Raises:
        InputError: a gamma or the margin is out of range.
    """
    _check_gamma("gamma_positive", gamma_positive)
    _check_gamma("gamma_negative", gamma_negative)
    if not 0 <= margin < 1:
        raise InputError("asymmetric margin is out of range", field="margin", expected="in [0, 1)", found=margin)
    logits, targets = logits.float(), targets.float()
    positives = -(torch.sigmoid(-logits) ** gamma_positive) * F.logsigmoid(logits)
    # ln(1 - p_m): from the logit itself where there is no margin, so that confident errors keep their gradient.
    shifted = (torch.sigmoid(logits) - margin).clamp(min=0)
    log_rest = F.logsigmoid(-logits) if margin == 0 else torch.log1p(-shifted)
    negatives = -(shifted**gamma_negative) * log_rest
    return (targets * positives + (1 - targets) * negatives).mean()


def _check_gamma(name: str, gamma: float) -> None:
    if not (gamma == 0 or gamma >= 1):
        raise InputError("focal gamma is out of range", field=name, expected="0 or >= 1", found=gamma)


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


def clinical_weights(counts: ClassCounts) -> Tensor:
    """Weigh classes by clinical importance over their number of positives (SSRL-ECG's ``ClinicalClassWeighting``).

    Returns:
        float32 (class,), mean 1 over the classes present; a class without positives has no frequency and keeps 1.

    Raises:
        InputError: the importance of a class is not known (``CLINICAL_IMPORTANCE``).
    """
    if unknown := [name for name in counts.classes if name not in CLINICAL_IMPORTANCE]:
        expected = f"the superclasses {', '.join(CLINICAL_IMPORTANCE)}"
        raise InputError("no clinical importance for a class", field="loss", expected=expected, found=unknown[0])
    importance = torch.tensor([CLINICAL_IMPORTANCE[name] for name in counts.classes], dtype=torch.float64)
    return _mean_one(lambda positives: importance[counts.positives > 0] / positives, counts.positives)


def positive_weights(counts: ClassCounts) -> Tensor:
    """Weigh the positives of each class such that they weigh as much as its negatives: negatives over positives.

    Returns:
        float32 (class,); 1 for a class without positives or without negatives.
    """
    positives = counts.positives.double()
    negatives = counts.n_records - positives
    one_sided = (positives == 0) | (negatives == 0)
    return torch.where(one_sided, 1.0, negatives / positives.clamp(min=1)).float()


def balancing_alpha(counts: ClassCounts) -> Tensor:
    """Choose focal's alpha per class such that positives and negatives weigh the same: the share of the negatives.

    Returns:
        float32 (class,), in (0, 1); 1/2 for a class without positives or without negatives.
    """
    weights = positive_weights(counts)
    return weights / (1 + weights)


ClassificationLoss = Callable[[Tensor, Tensor], Tensor]
"""(logits (batch, class), targets (batch, class)) -> scalar."""

CLASSIFICATION_LOSSES: dict[str, Callable[[ClassCounts], ClassificationLoss]] = {
    "asymmetric": lambda counts: asymmetric,
    "bce": lambda counts: bce,
    "class_balanced": lambda counts: partial(bce, class_weights=class_balanced_weights(counts.positives)),
    "clinical": lambda counts: partial(bce, class_weights=clinical_weights(counts)),
    "focal": lambda counts: focal,
    "focal_per_class": lambda counts: partial(focal, alpha=balancing_alpha(counts)),
    "positive_weighted": lambda counts: partial(bce, positive_weights=positive_weights(counts)),
    "weighted": lambda counts: partial(bce, class_weights=inverse_frequency_weights(counts.positives)),
}
"""Losses of multi-label and binary tasks by the name of the ``--loss`` flag, each made for the labels it is trained on;
single-label tasks have ``cross_entropy``."""
