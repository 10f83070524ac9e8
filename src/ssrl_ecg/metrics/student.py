"""Student intervals: an estimate with its standard error, and the mean over K random splits.

The splits of one data set share records, so their values scatter less than those of new data sets would. The plain
t-interval ignores that, as most papers do: it describes these splits. ``overlap`` widens it as Nadeau & Bengio (2003)
derive; claims need the widened one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import check_level
from ssrl_ecg.metrics.plain import Report


@dataclass(frozen=True, kw_only=True)
class TInterval(Report):
    """A value and its symmetric interval; NaN throughout where the value is undefined.

    Attributes:
        estimate: the value.
        low: lower end.
        high: upper end.
        level: nominal coverage, in (0, 1).
        se: standard error of the value.
        degrees_of_freedom: of Student's t; infinity for a normal interval.
    """

    estimate: float
    low: float
    high: float
    level: float
    se: float
    degrees_of_freedom: float

    @classmethod
    def of(cls, estimate: float, se: float, *, degrees_of_freedom: float = np.inf, level: float = 0.95) -> TInterval:
        """Estimate plus and minus the quantile times the standard error.

        Raises:
            InputError: a level outside (0, 1).
        """
        check_level(level)
        reach = float(student_t.ppf((1 + level) / 2, degrees_of_freedom)) * se
        return cls(
            estimate=estimate,
            low=estimate - reach,
            high=estimate + reach,
            level=level,
            se=se,
            degrees_of_freedom=degrees_of_freedom,
        )

    def p_of_zero(self) -> float:
        """Two-sided p of "the true value is zero", in [0, 1].

        Without any scatter it is 1 for an estimate of zero and undefined (NaN) for another one.
        """
        if self.se == 0:
            return 1.0 if self.estimate == 0 else float("nan")
        return float(2 * student_t.sf(abs(self.estimate) / self.se, self.degrees_of_freedom))


def t_interval(values: ArrayLike, *, overlap: float = 0.0, level: float = 0.95) -> TInterval:
    """Mean of K splits and its t-interval.

    Args:
        values: (split,), such as one AUROC per split; NaN where the metric is undefined: those splits are left out,
            and the degrees of freedom show it.
        overlap: test records over training records of one split. It enters the variance of the mean as
            (1/K + overlap) s^2 (Nadeau & Bengio 2003, equation 9). 0: the splits are taken as independent.
        level: nominal coverage, in (0, 1).

    Returns:
        With K - 1 degrees of freedom; NaN ends where fewer than two splits are defined.

    Raises:
        InputError: no list of values, a negative overlap, a level outside (0, 1).
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError("there is not one value per split", field="values", expected="(split,)", found=array.shape)
    if not 0 <= overlap < np.inf:
        raise InputError("no such overlap of splits", field="overlap", expected="0 or more", found=overlap)
    defined = array[~np.isnan(array)]
    if len(defined) < 2:
        estimate = float(defined[0]) if len(defined) else float("nan")
        return TInterval.of(estimate, float("nan"), degrees_of_freedom=float("nan"), level=level)
    # Equal values have no scatter; their computed SD may still be a rounding error.
    deviation = 0.0 if np.ptp(defined) == 0 else float(defined.std(ddof=1))
    se = deviation * float(np.sqrt(1 / len(defined) + overlap))
    return TInterval.of(float(defined.mean()), se, degrees_of_freedom=len(defined) - 1, level=level)
