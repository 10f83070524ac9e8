"""What every metric accepts: 0/1 targets and finite scores of one shape, records down, classes across."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError

FloatArray = NDArray[np.float64]
Targets = NDArray[np.uint8]


def checked(targets: ArrayLike, scores: ArrayLike) -> tuple[Targets, FloatArray]:
    """Return targets as uint8 and scores as float64, both (record, class), or refuse them.

    Args:
        targets: (record, class), 0 or 1.
        scores: (record, class), any finite number; larger means more likely positive.

    Raises:
        InputError: no record or no class, shapes that differ, a target other than 0 and 1, a score that is not finite.
    """
    target_array, score_array = np.asarray(targets), np.asarray(scores, dtype=np.float64)
    if target_array.ndim != 2 or 0 in target_array.shape:
        raise InputError(
            "targets hold no table of records and classes",
            field="targets",
            expected="(record, class)",
            found=target_array.shape,
        )
    if score_array.shape != target_array.shape:
        raise InputError(
            "scores and targets differ in shape", field="scores", expected=target_array.shape, found=score_array.shape
        )
    if not np.isin(target_array, (0, 1)).all():
        raise InputError("targets hold a value other than 0 and 1", field="targets")
    n_bad = int((~np.isfinite(score_array)).any(axis=1).sum())
    if n_bad:
        raise InputError("scores are not finite", field="scores", found=f"{n_bad} records with NaN or infinity")
    return target_array.astype(np.uint8), score_array


def checked_classes(classes: tuple[str, ...], targets: Targets) -> tuple[str, ...]:
    """Return the class names when there is one distinct name per column of ``targets``.

    Raises:
        InputError: another number of names, or a name given twice.
    """
    if len(classes) != targets.shape[1] or len(set(classes)) != len(classes):
        raise InputError(
            "class names do not match the columns", field="classes", expected=targets.shape[1], found=len(set(classes))
        )
    return tuple(classes)


def check_level(level: float) -> None:
    """Refuse a nominal coverage outside (0, 1).

    Raises:
        InputError: such a level.
    """
    if not 0 < level < 1:
        raise InputError("no such level of an interval", field="level", expected="between 0 and 1", found=level)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide elementwise; 0 in the denominator gives NaN, which here means "undefined", without a warning."""
    undefined = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    quotient: FloatArray = np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) != 0)
    return quotient


def defined_mean(values: ArrayLike, axis: int | None = None) -> FloatArray:
    """Mean over the values that are not NaN; NaN where none is defined.

    Args:
        values: any shape.
        axis: the axis that is averaged away; None averages everything to a 0-d array.
    """
    array = np.asarray(values, dtype=np.float64)
    defined = ~np.isnan(array)
    total = np.where(defined, array, 0.0).sum(axis=axis)
    return ratio(np.asarray(total), np.asarray(defined.sum(axis=axis), dtype=np.float64))


def macro(values: ArrayLike) -> float:
    """Unweighted mean over the classes whose value is defined; NaN when none is.

    Args:
        values: (class,), NaN where a class is undefined.
    """
    return float(defined_mean(values))
