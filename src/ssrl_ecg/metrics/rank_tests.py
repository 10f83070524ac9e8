"""Do several methods differ over several data sets? Friedman's test on ranks, and what may be said after it.

The blocks have to be independent: one value per method and data set. Label subsets, seeds and folds of one data set
share records and are no blocks; average them first. Within one data set compare by ``paired_bootstrap`` and Holm.
The recipe is Demsar's (2006): Friedman in the form of Iman & Davenport (1980), and only if it rejects a post-hoc test,
Nemenyi's for all pairs or Holm's against one control named beforehand. A post-hoc p depends on every method in the
table: state which ones were in it. Over few data sets the F distribution is far off (of three methods that are equal on
three data sets it calls one in five tables different at 5 %), so there the p-value is counted from all orders of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as fisher_f
from scipy.stats import friedmanchisquare, norm, rankdata, studentized_range

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import holm
from ssrl_ecg.metrics.inputs import FloatArray, check_level
from ssrl_ecg.metrics.plain import Report

#: Fewer data sets, or methods, than this make no Friedman test.
FEWEST = 3

#: Up to so many data sets and methods the p-value is exact; more would take seconds and need it less.
EXACT_DATA_SETS, EXACT_METHODS = 10, 5


@dataclass(frozen=True, kw_only=True)
class FriedmanResult(Report):
    """Ranks of methods over independent data sets.

    Attributes:
        average_ranks: method -> mean rank, 1 is best, ties share their mean rank.
        n_data_sets: independent blocks.
        chi_squared: Friedman's statistic, corrected for ties; NaN when every data set ties all methods.
        f_statistic: Iman & Davenport's, of the same; infinity when all data sets agree on one order.
        p_value: exact up to ``EXACT_DATA_SETS`` and ``EXACT_METHODS``, beyond them of ``f_statistic`` on (k - 1) and
            (k - 1)(n - 1) degrees of freedom; 1 when everything ties.
    """

    average_ranks: dict[str, float]
    n_data_sets: int
    chi_squared: float
    f_statistic: float
    p_value: float

    @property
    def unit(self) -> float:
        """Standard error of the difference of two average ranks, sqrt(k (k + 1) / (6 n))."""
        k = len(self.average_ranks)
        return float(np.sqrt(k * (k + 1) / (6 * self.n_data_sets)))


def friedman(values: ArrayLike, *, data_sets: Sequence[str], methods: Sequence[str]) -> FriedmanResult:
    """Test whether methods rank alike over independent data sets.

    Args:
        values: (data set, method), larger is better, such as one AUROC each (the mean over subsets and seeds).
        data_sets: name of each row; a name may occur once.
        methods: name of each column.

    Raises:
        InputError: fewer than ``FEWEST`` data sets or methods, a data set that occurs twice, undefined values.
    """
    table = _checked_table(values, data_sets, methods)
    n, k = table.shape
    ranks = rankdata(-table, axis=1)
    averages = dict(zip(methods, ranks.mean(axis=0).tolist(), strict=True))
    if not np.ptp(ranks, axis=1).any():
        nothing = float("nan")
        return FriedmanResult(
            average_ranks=averages, n_data_sets=n, chi_squared=nothing, f_statistic=nothing, p_value=1.0
        )
    chi_squared = float(friedmanchisquare(*table.T).statistic)
    rest = n * (k - 1) - chi_squared
    # Where all agree nothing is left to divide by, but for a rounding error.
    f_statistic = (n - 1) * chi_squared / rest if rest > 1e-9 * chi_squared else float("inf")
    exact = n <= EXACT_DATA_SETS and k <= EXACT_METHODS
    return FriedmanResult(
        average_ranks=averages,
        n_data_sets=n,
        chi_squared=chi_squared,
        f_statistic=f_statistic,
        p_value=_exact_p_value(ranks) if exact else float(fisher_f.sf(f_statistic, k - 1, (k - 1) * (n - 1))),
    )


def _exact_p_value(ranks: FloatArray) -> float:
    """Share of all orders of the ranks (data set, method) within data sets whose rank sums lie as far apart.

    Friedman's statistic and Iman & Davenport's grow together with the sum of squares of the rank sums. That does not
    change with the order of the methods, so sorted rank sums with their probabilities are all that has to be kept.
    """
    sums, probabilities = np.zeros((1, ranks.shape[1])), np.ones(1, dtype=np.float64)
    for block in ranks:
        orders = np.array(list(permutations(block)))
        reached = np.sort(sums[:, np.newaxis] + orders, axis=-1).reshape(-1, ranks.shape[1])
        sums, state = np.unique(reached, axis=0, return_inverse=True)
        reached_with = np.repeat(probabilities / len(orders), len(orders))
        probabilities = np.bincount(state, weights=reached_with).astype(np.float64)
    as_far = (sums**2).sum(axis=1) >= (ranks.sum(axis=0) ** 2).sum() - 1e-6
    return min(1.0, float(probabilities[as_far].sum()))


def _checked_table(values: ArrayLike, data_sets: Sequence[str], methods: Sequence[str]) -> FloatArray:
    table = np.asarray(values, dtype=np.float64)
    if table.shape != (len(data_sets), len(methods)):
        raise InputError(
            "there is not one value per data set and method",
            field="values",
            expected=(len(data_sets), len(methods)),
            found=table.shape,
        )
    for field, names in (("data_sets", data_sets), ("methods", methods)):
        repeated = sorted({name for name in names if list(names).count(name) > 1})
        if repeated:
            raise InputError(
                "a name occurs twice; subsets, seeds and folds of one data set are not independent, average them first",
                field=field,
                found=", ".join(repeated),
            )
        if len(names) < FEWEST:
            raise InputError("too few for Friedman's test", field=field, expected=f"{FEWEST} or more", found=len(names))
    for row, column in np.argwhere(~np.isfinite(table)):
        raise InputError(
            "a value is undefined, so the data set cannot be ranked",
            field="values",
            found=f"{methods[column]} on {data_sets[row]}",
        )
    return table


def critical_difference(result: FriedmanResult, level: float = 0.95) -> float:
    """Difference of average ranks from which Nemenyi's test calls two methods different at 1 - level (Demsar 2006).

    Raises:
        InputError: a level outside (0, 1).
    """
    check_level(level)
    return float(studentized_range.ppf(level, len(result.average_ranks), np.inf)) / float(np.sqrt(2)) * result.unit


def nemenyi(result: FriedmanResult) -> dict[tuple[str, str], float]:
    """p-values of all pairs of methods, corrected for their number by the studentized range (Nemenyi 1963).

    Args:
        result: of a Friedman test that rejected; otherwise nothing may be claimed of a pair.
    """
    return {
        (one, other): float(
            studentized_range.sf(
                np.sqrt(2) * abs(result.average_ranks[one] - result.average_ranks[other]) / result.unit,
                len(result.average_ranks),
                np.inf,
            )
        )
        for one, other in combinations(result.average_ranks, 2)
    }


def holm_against(result: FriedmanResult, control: str) -> dict[str, float]:
    """p-values of every other method against a control, normal ones corrected by Holm's rule (Demsar 2006, 3.2.2).

    Args:
        result: of a Friedman test that rejected.
        control: the method that was named before the results were known.

    Raises:
        InputError: a control that was not ranked.
    """
    if control not in result.average_ranks:
        raise InputError("no such method", field="control", expected=", ".join(result.average_ranks), found=control)
    gaps = {
        method: abs(rank - result.average_ranks[control]) / result.unit
        for method, rank in result.average_ranks.items()
        if method != control
    }
    corrected = holm([2 * norm.sf(gap) for gap in gaps.values()])
    return dict(zip(gaps, corrected.tolist(), strict=True))
