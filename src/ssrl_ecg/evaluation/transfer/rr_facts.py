"""What the neighbours of a beat say of it: RR intervals, as the literature on MIT-BIH gives them to its classifiers.

De Chazal, O'Dwyer & Reilly (IEEE Trans Biomed Eng 2004; 51:1196-1206) take the intervals before and after a beat and
their means over ten beats and over the record; Mar et al. (IEEE Trans Biomed Eng 2011; 58:2168-2177) and many after
them the ratios to these means, as hearts differ in their rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RR_FACTS = (
    "before_s",
    "after_s",
    "local_s",
    "record_s",
    "log_before_over_local",
    "log_after_over_local",
    "log_before_over_record",
    "log_after_over_record",
    "log_before_over_after",
    "log_before_over_earlier",
    "irregularity",
)
"""RR intervals in s: before and after the beat, the mean of the ten around it, the record's median; logarithms of
ratios, "earlier" being the interval that ends where the one before begins; and the mean absolute difference of
successive intervals among the ten, over their mean: in atrial fibrillation a short interval is no sign of ectopy."""

_N_LOCAL = 10
_LONGEST_S = 3.0
"""Longer intervals, such as those over an episode of flutter in which no beat is marked, count as this."""


def rr_facts(times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (beat, fact) in the order of ``RR_FACTS``.

    Where there is no neighbour the record's median interval stands in; a record of a single beat has 1 s everywhere,
    the interval of 60 beats/min.

    Args:
        times_s: (beat,) ascending, of all beats of a record.
    """
    n_beats = len(times_s)
    rr_s = np.minimum(np.diff(times_s), _LONGEST_S)
    record_s = float(np.median(rr_s)) if len(rr_s) else 1.0
    before = np.append(record_s, rr_s)[:n_beats]
    after = np.append(rr_s, record_s)[:n_beats]
    earlier = np.append(record_s, before)[:n_beats]
    beat = np.arange(n_beats)  # interval k lies between beats k and k + 1
    first, last = np.maximum(beat - _N_LOCAL // 2, 0), np.minimum(beat + _N_LOCAL // 2, len(rr_s))
    local = _means(rr_s, first, last, record_s)
    irregularity = _means(np.abs(np.diff(rr_s)), first, last - 1, 0.0) / local
    ratios = [before / local, after / local, before / record_s, after / record_s, before / after, before / earlier]
    facts = [before, after, local, np.full(n_beats, record_s), *np.log(ratios), irregularity]
    return np.column_stack(facts).astype(np.float32)


def _means(
    values: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64], otherwise: float
) -> NDArray[np.float64]:
    """Mean of the values from each first to before each last; another number where there is none."""
    sums, count = np.append(0.0, np.cumsum(values)), np.maximum(last - first, 0)
    totals = sums[np.minimum(first + count, len(values))] - sums[np.minimum(first, len(values))]
    return np.where(count > 0, totals / np.maximum(count, 1), otherwise)
