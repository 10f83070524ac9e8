"""Selective prediction: how many errors are left when only the surest records are decided and the rest are handed on.

Coverage is the share of records that are decided, risk their mean loss (Geifman & El-Yaniv 2017). The area under the
risk-coverage curve is the mean risk over all coverages 1/n, 2/n, ... 1; its excess is what it lies above that of a
confidence which puts every record without loss first (Geifman, Uziel & El-Yaniv 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.metrics.plain import Report


@dataclass(frozen=True, kw_only=True)
class RiskCoverage(Report):
    """The risk at every coverage, from the single surest record to all of them.

    Attributes:
        coverage: (record,), 1/n ... 1.
        risk: (record,), mean loss of the surest records.
        area: mean of ``risk``; the lower the better, and at best that of a perfect order, not 0.
        excess_area: ``area`` less that of a perfect order, at least 0.
    """

    coverage: FloatArray
    risk: FloatArray
    area: float
    excess_area: float


def risk_coverage(losses: ArrayLike, confidences: ArrayLike) -> RiskCoverage:
    """Compute the risk-coverage curve of decisions.

    Equally sure records are exchangeable: each takes part with their mean loss, which is what random orders
    of them give on average. So nothing depends on the order of the records.

    Args:
        losses: (record,), loss of each decision, such as 1 where it is wrong and 0 where it is right.
        confidences: (record,), larger is surer, such as the distance of the log-odds from the threshold's.

    Raises:
        InputError: no record, shapes that differ, or a number that is not finite.
    """
    loss, confidence = np.asarray(losses, dtype=np.float64), np.asarray(confidences, dtype=np.float64)
    if loss.ndim != 1 or loss.shape != confidence.shape or not len(loss):
        raise InputError(
            "losses and confidences must be of the same records", field="confidences", expected=f"shape {loss.shape}",
            found=confidence.shape,
        )  # fmt: skip
    if not (np.isfinite(loss).all() and np.isfinite(confidence).all()):
        raise InputError("losses and confidences must be finite", field="losses")
    order = np.argsort(-confidence, kind="stable")
    ties = rankdata(-confidence[order], method="dense") - 1
    mean_of_tie = np.bincount(ties, weights=loss[order]) / np.bincount(ties)
    count = np.arange(1, len(loss) + 1)
    risk, perfect = (np.cumsum(losses) / count for losses in (mean_of_tie[ties], np.sort(loss)))
    return RiskCoverage(
        coverage=count / len(loss),
        risk=risk,
        area=float(risk.mean()),
        excess_area=max(0.0, float(risk.mean() - perfect.mean())),
    )
