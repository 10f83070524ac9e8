"""How well samples are told apart: confusion counts of masks, F1 of the pooled samples, Dice of single records.

F1 and Dice of one set of samples are the same number, 2 TP / (2 TP + FP + FN). What differs is what is pooled: here F1
is of all samples of all records together, and Dice is taken per record and averaged, so that a short or failed record
weighs as much as a long one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray, defined_mean, ratio
from ssrl_ecg.signals.waves import UNMARKED, WAVES

N_CLASSES = 1 + len(WAVES)


def mask_confusion(annotated: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Count samples by annotated and predicted class, where somebody annotated.

    Args:
        annotated: (..., time) 0 nothing, 1 P, 2 QRS, 3 T, ``UNMARKED`` where nobody annotated.
        predicted: (..., time) 0 to 3.

    Returns:
        (..., 4, 4): annotated class, predicted class.

    Raises:
        InputError: shapes that differ, or another class.
    """
    truth, found = np.asarray(annotated), np.asarray(predicted)
    if truth.shape != found.shape:
        raise InputError("masks differ in shape", field="predicted", expected=truth.shape, found=found.shape)
    if found.size and found.max() >= N_CLASSES:
        raise InputError("no such wave", field="predicted", expected="0 to 3", found=int(found.max()))
    counts = [
        [((truth == row) & (found == column)).sum(axis=-1) for column in range(N_CLASSES)] for row in range(N_CLASSES)
    ]
    if not (np.isin(truth, (*range(N_CLASSES), UNMARKED))).all():
        raise InputError("no such wave", field="annotated", expected=f"0 to 3, or {UNMARKED}")
    return np.moveaxis(np.array(counts, dtype=np.int64), (0, 1), (-2, -1))


def sample_f1(confusion: ArrayLike) -> FloatArray:
    """Return F1 of every class: (..., 4, 4) counts -> (..., 4); NaN where a class is neither annotated nor predicted.

    Args:
        confusion: annotated class by predicted class; sum over whatever is to be pooled first.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    found = np.diagonal(counts, axis1=-2, axis2=-1)
    return ratio(2 * found, counts.sum(axis=-1) + counts.sum(axis=-2))


def record_dice(confusion: ArrayLike) -> FloatArray:
    """Return the mean over records of each record's Dice: (record, 4, 4) counts -> (4,).

    Records where a wave is neither annotated nor predicted have no Dice of it and are left out of its mean.
    """
    return defined_mean(sample_f1(confusion), axis=0)
