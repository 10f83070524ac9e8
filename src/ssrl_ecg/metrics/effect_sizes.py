"""How large is a difference, in units of its own scatter? Effect sizes of paired values with bootstrap intervals.

A p-value mixes size and number of pairs; these do not. Report them beside the difference in the metric's own unit,
which says what it is worth: over splits or seeds of one data set an effect is large as soon as these scatter little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import rankdata

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.bootstrap import Interval, percentile_interval
from ssrl_ecg.metrics.inputs import FloatArray, ratio
from ssrl_ecg.metrics.plain import Report

#: With fewer pairs the bootstrap has too few distinct samples for an interval.
FEWEST_PAIRS = 5


@dataclass(frozen=True, kw_only=True)
class PairedEffect(Report):
    """Effect of the first over the second.

    Attributes:
        n_pairs: pairs in which both values are defined.
        cohens_dz: mean difference over its SD.
        hedges_g: the same without the bias of small samples.
        cliffs_delta: from -1 to 1.
    """

    n_pairs: int
    cohens_dz: Interval
    hedges_g: Interval
    cliffs_delta: Interval


def paired_effect(
    first: ArrayLike,
    second: ArrayLike,
    *,
    generator: np.random.Generator,
    n_replicates: int = 2000,
    level: float = 0.95,
) -> PairedEffect:
    """Effect sizes of paired values, first against second, with percentile intervals over resampled pairs.

    Args:
        first: (pair,), such as one AUROC per split or data set; NaN where undefined: the pair is left out.
        second: (pair,).
        generator: the only source of randomness.
        n_replicates: bootstrap replicates.
        level: nominal coverage, in (0, 1).

    Raises:
        InputError: lists of different lengths, fewer than ``FEWEST_PAIRS`` defined pairs, a level outside (0, 1).
    """
    pair = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise InputError("values are not paired", field="second", expected=pair[0].shape, found=pair[1].shape)
    defined = ~np.isnan(pair[0] - pair[1])
    n_pairs = int(defined.sum())
    if n_pairs < FEWEST_PAIRS:
        raise InputError(
            "too few pairs for an effect size", field="pairs", expected=f"{FEWEST_PAIRS} or more", found=n_pairs
        )
    one, other = pair[0][defined], pair[1][defined]
    drawn = generator.integers(n_pairs, size=(n_replicates, n_pairs))

    def interval(estimate: FloatArray, replicates: FloatArray) -> Interval:
        return percentile_interval(float(estimate), replicates, level)

    return PairedEffect(
        n_pairs=n_pairs,
        cohens_dz=interval(cohens_dz(one - other), cohens_dz((one - other)[drawn])),
        hedges_g=interval(hedges_g(one - other), hedges_g((one - other)[drawn])),
        cliffs_delta=interval(cliffs_delta(one, other), cliffs_delta(one[drawn], other[drawn])),
    )


def cohens_dz(differences: ArrayLike) -> FloatArray:
    """Mean of paired differences over their SD (Cohen 1988, 2.3.5): t / sqrt(n).

    Args:
        differences: (..., pair).

    Returns:
        (...), NaN where all differences are equal.
    """
    array = np.asarray(differences, dtype=np.float64)
    # Equal differences have no scatter; their computed SD may still be a rounding error.
    deviation = np.where(np.ptp(array, axis=-1) == 0, 0.0, array.std(axis=-1, ddof=1))
    return ratio(array.mean(axis=-1), deviation)


def hedges_g(differences: ArrayLike) -> FloatArray:
    """Cohen's d_z times Hedges' (1981) factor, which takes out its upward bias: about 1 - 3 / (4 n - 5) for n pairs.

    Args:
        differences: (..., pair).

    Returns:
        (...), NaN where all differences are equal.
    """
    freedom = np.shape(differences)[-1] - 1
    factor = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    corrected: FloatArray = cohens_dz(differences) * factor
    return corrected


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Share of all cross pairs in which the first is larger, minus the share in which it is smaller (Cliff 1993).

    It compares the two sets of values, not the pairs. Vargha & Delaney's (2000) A is (delta + 1) / 2.

    Args:
        first: (..., n).
        second: (..., m).

    Returns:
        (...), in [-1, 1].
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, m = one.shape[-1], other.shape[-1]
    rank_sum = rankdata(np.concatenate([one, other], axis=-1), axis=-1)[..., :n].sum(axis=-1)
    larger_share: FloatArray = (rank_sum - n * (n + 1) / 2) / (n * m)
    return np.asarray(2 * larger_share - 1)
