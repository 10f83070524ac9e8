from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ssrl_ecg.evaluation.transfer.rr_facts import RR_FACTS, rr_facts


def slow_facts(times_s, number):
    rr_s = [min(b - a, 3.0) for a, b in pairwise(times_s)]
    usual = float(np.median(rr_s))
    before = rr_s[number - 1] if number > 0 else usual
    after = rr_s[number] if number < len(rr_s) else usual
    earlier = rr_s[number - 2] if number > 1 else usual
    around = rr_s[max(number - 5, 0) : number + 5]
    local = sum(around) / len(around)
    ratios = (before / local, after / local, before / usual, after / usual, before / after, before / earlier)
    steps = [abs(b - a) for a, b in pairwise(around)]
    irregularity = sum(steps) / len(steps) / local if steps else 0.0
    return [before, after, local, usual, *np.log(ratios), irregularity]


def test_facts_are_those_of_a_loop():
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.3, 1.5, 30))
    found = rr_facts(times_s)
    assert found.shape == (30, len(RR_FACTS))
    np.testing.assert_allclose(found, [slow_facts(times_s, number) for number in range(30)], rtol=1e-5, atol=1e-6)


def test_a_gap_counts_as_three_seconds():
    times_s = np.array([0.0, 1.0, 2.0, 60.0, 61.0])
    np.testing.assert_allclose(rr_facts(times_s), [slow_facts(times_s, number) for number in range(5)], rtol=1e-5)
    assert rr_facts(times_s)[3, 0] == pytest.approx(3.0)


def test_a_single_beat_has_the_interval_of_sixty_per_minute():
    np.testing.assert_array_equal(rr_facts(np.array([5.0])), [[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]])
