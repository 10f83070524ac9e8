"""What weights and penalties are chosen by: the macro AUROC on validation records."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from scipy.special import log_softmax

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc


def validation_auroc(labels: Labels, rows: np.ndarray, logits: np.ndarray) -> float:
    """Macro AUROC over the classes that have positives and negatives among these records; NaN when none has.

    The logits of a single-label task are compared as log probabilities: a softmax leaves a constant per record open,
    which would otherwise shuffle the records.

    Args:
        labels: targets of all rows of the store.
        rows: (n,) the records that were scored.
        logits: (n, class).
    """
    scores = np.asarray(logits, dtype=np.float64)
    if labels.task == "single":
        scores = log_softmax(scores, axis=1)
    return macro(auroc(labels.values[rows], scores))


def check_validations(labels: Labels, validations: Mapping[str, np.ndarray]) -> None:
    """Refuse validation sets that cannot be looked at, and say of which ones nothing can be learnt.

    Args:
        labels: targets of all rows of the store.
        validations: name -> rows.

    Raises:
        InputError: a set is empty, or holds a record without a label.
    """
    for name, rows in validations.items():
        if len(rows) == 0:
            raise InputError("this validation set has no records", field=name, expected="at least 1", found=0)
        if not labels.known[rows].all():
            n_unknown = int((~labels.known[rows]).sum())
            raise InputError("a validation set holds records without a label", field=name, found=n_unknown)
        positives = labels.values[rows].sum(axis=0, dtype=np.int64)
        if not ((positives > 0) & (positives < len(rows))).any():
            warnings.warn(
                f"validation set {name}: no class has positives and negatives there, so it cannot choose anything",
                stacklevel=3,
            )
