"""Do two models differ over random splits of one data set? The corrected resampled t-test (Nadeau & Bengio 2003).

Random splits share training and test records, so a plain paired t-test takes the same evidence several times: it
calls equally good models different in a quarter of the cases and more. The correction assumes that two splits' results
correlate as strongly as test records are among all records of a split; it is a heuristic that keeps its error in
practice, not a theorem, and says nothing of other data sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.comparison import Difference
from ssrl_ecg.metrics.student import TInterval, t_interval


def corrected_t_test(
    first: ArrayLike, second: ArrayLike, *, n_train: float, n_test: float, level: float = 0.95
) -> Difference[TInterval]:
    """Difference of a metric over K random splits, first minus second, with the variance corrected for their overlap.

    Correct several of these by ``holm_corrected``.

    Args:
        first: (split,), the first model's metric on the test part of each split; NaN where it is undefined (a rare
            class without a test positive). A split that is undefined for one model is left out for both.
        second: (split,), the second model's, of the same splits.
        n_train: records (patients, if those are split) that a model of one split learned from.
        n_test: records (patients) of the test part of one split.
        level: nominal coverage; ``1 - level`` is the p a difference has to reach.

    Returns:
        The difference, on K - 1 degrees of freedom; undefined with fewer than two defined splits, or when all splits
        differ by the same amount.

    Raises:
        InputError: other numbers of splits, parts without records, a level outside (0, 1).
    """
    pair = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    if pair[0].shape != pair[1].shape:
        raise InputError(
            "the models were not judged on the same splits", field="second", expected=pair[0].shape, found=pair[1].shape
        )
    for field, count in (("n_train", n_train), ("n_test", n_test)):
        if not 0 < count < np.inf:
            raise InputError("a part of the splits holds no records", field=field, expected="above 0", found=count)
    interval = t_interval(pair[0] - pair[1], overlap=n_test / n_train, level=level)
    return Difference(interval=interval, p_value=interval.p_of_zero())
