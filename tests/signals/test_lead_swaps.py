"""Interchanges against potentials of nine electrodes, from which the leads are built anew."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.lead_swaps import LEAD_SWAPS, swap_leads
from ssrl_ecg.signals.leads import LEADS

PLACES = ("right arm", "left arm", "left leg", *LEADS[6:])


@pytest.fixture
def potentials():
    return np.random.default_rng(0).normal(size=(len(PLACES), 40))


def recorded(potential):
    """The twelve leads as differences of electrodes (Einthoven, Goldberger, Wilson)."""
    right, left, leg = potential[:3]
    limb = [left - right, leg - right, leg - left, right - (left + leg) / 2, left - (right + leg) / 2]
    return np.stack([*limb, leg - (right + left) / 2, *(potential[3:] - potential[:3].mean(axis=0))])


@pytest.mark.parametrize("swap", [name for name in LEAD_SWAPS if " and " in name])
def test_two_electrodes_in_each_others_place(potentials, swap):
    first, second = (PLACES.index(place) for place in swap.split(" and "))
    moved = potentials.copy()
    moved[[first, second]] = potentials[[second, first]]
    np.testing.assert_allclose(swap_leads(recorded(potentials), swap), recorded(moved), atol=1e-5)


def test_all_ways_to_confuse_the_limbs_are_there_and_differ(potentials):
    leads = recorded(potentials)
    orders = [(1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)]
    wanted = sorted(recorded(potentials[[*order, *range(3, 9)]])[:2, 0].tolist() for order in orders)
    found = sorted(swap_leads(leads, name)[:2, 0].tolist() for name in LEAD_SWAPS if not name.startswith("V"))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_reversed_chest_leads_and_many_records_at_once(potentials):
    leads = np.stack([recorded(potentials)] * 3)
    swapped = swap_leads(leads, "V1 to V6 reversed")
    assert swapped.dtype == np.float32
    np.testing.assert_allclose(swapped[:, 6:], leads[:, :5:-1], rtol=1e-6)
    np.testing.assert_allclose(swapped[:, :6], leads[:, :6], rtol=1e-6)
