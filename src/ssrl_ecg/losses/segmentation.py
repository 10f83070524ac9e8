"""What a segmentation costs: cross-entropy of every sample and Dice of every wave, where somebody annotated."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.signals.waves import UNMARKED


def cross_entropy_dice(logits: Tensor, masks: Tensor, dice_weight: float = 1.0) -> Tensor:
    """Mean cross-entropy over the annotated samples, plus the weighted mean of 1 - Dice over the waves.

    The Dice of a wave is soft and pooled over the batch (Milletari, Navab & Ahmadi 2016, "V-Net", there with squared
    probabilities): twice the sum of its probabilities inside its mask, over the sum of all its probabilities and of its
    mask. Waves that no sample of the batch is marked as have no Dice.

    Args:
        logits: (..., class, time), class 0 nothing and the others waves.
        masks: (..., time) integers, the class of each sample, ``UNMARKED`` where nobody annotated.
        dice_weight: weight of the second part.

    Returns:
        A scalar; 0, with a gradient of 0, where nothing is annotated.
    """
    n_classes = logits.shape[-2]
    flat = logits.movedim(-2, -1).reshape(-1, n_classes)
    target = masks.reshape(-1).long()
    marked = target != UNMARKED
    if not bool(marked.any()):
        return logits.sum() * 0
    flat, target = flat[marked], target[marked]
    entropy = F.cross_entropy(flat, target)
    truth = F.one_hot(target, n_classes)[:, 1:].to(flat.dtype)
    probability = flat.softmax(dim=1)[:, 1:]
    size = truth.sum(dim=0)
    dice = 2 * (probability * truth).sum(dim=0) / (probability.sum(dim=0) + size)
    present = size > 0
    if not bool(present.any()):
        return entropy
    return entropy + dice_weight * (1 - dice[present]).mean()
