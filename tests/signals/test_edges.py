from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ssrl_ecg.signals.edges import falls_below, rises_above, slopes, smooth


def slow_falls_below(row, start, level, n_stay):
    for k in range(start + 1, len(row)):
        if all(value < level for value in row[k : k + n_stay]):
            above, below = row[k - 1], row[k]
            return k - 1 + min(max((above - level) / max(above - below, 1e-12), 0), 1)
    return None


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_falling_edges_agree_with_a_loop(seed, n_stay):
    rng = np.random.default_rng(seed)
    rows, start, level = rng.random((5, 30)), rng.integers(0, 20, 5), rng.uniform(0.2, 0.8, 5)
    found = falls_below(rows, start, level, n_stay)
    for row, first, one_level, crossing in zip(rows, start, level, found, strict=True):
        expected = slow_falls_below(row, first, one_level, n_stay)
        if expected is not None:
            assert crossing == expected
        else:
            assert 28 <= crossing <= 29  # never: between the last two samples


def test_rising_edge_is_the_falling_edge_backwards():
    activity = np.array([[0.0, 0.0, 0.2, 1.0, 1.0, 0.0]])
    np.testing.assert_allclose(rises_above(activity, np.array([4]), np.array([0.6])), [2.5])
    np.testing.assert_allclose(falls_below(activity, np.array([3]), np.array([0.6])), [4.4])


def test_slopes_of_a_line_and_smoothing_of_a_constant():
    line = np.tile(np.arange(20, dtype=np.float32) * 3, (2, 1))
    np.testing.assert_allclose(slopes(line)[:, 1:-1], 3)
    np.testing.assert_allclose(smooth(np.ones((2, 50), np.float32), 0.01, 250), 1, rtol=1e-6)
