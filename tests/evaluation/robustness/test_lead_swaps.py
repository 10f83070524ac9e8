"""Swapped electrodes against potentials of the body: the cables are swapped there, and the leads read again."""

import numpy as np
import pytest

from ssrl_ecg.evaluation.robustness.lead_swaps import ELECTRODES, swap_electrodes
from ssrl_ecg.signals.leads import LEADS


def leads_of(potential):
    """Twelve leads from what each cable carries, by their definitions."""
    ra, la, ll = (potential[name] for name in ("RA", "LA", "LL"))
    wilson = (ra + la + ll) / 3
    limb = [la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2]
    return np.stack([*limb, *(potential[f"V{number}"] - wilson for number in range(1, 7))])


@pytest.fixture
def potentials():
    generator = np.random.default_rng(1)
    return {name: generator.normal(size=50) for name in ELECTRODES}


@pytest.mark.parametrize(
    ("first", "second"),
    [("RA", "LA"), ("LA", "LL"), ("RA", "LL"), ("V1", "V2"), ("V3", "V5"), ("LL", "V4")],
)
def test_leads_are_those_of_swapped_cables(potentials, first, second):
    cables = potentials | {first: potentials[second], second: potentials[first]}
    swapped = swap_electrodes(leads_of(potentials).astype(np.float32), first, second)
    np.testing.assert_allclose(swapped, leads_of(cables), atol=1e-5)


def test_swapped_limbs_are_the_textbook_pattern(potentials):
    signal = leads_of(potentials).astype(np.float32)
    before = dict(zip(LEADS, signal, strict=True))
    after = dict(zip(LEADS, swap_electrodes(signal, "LA", "RA"), strict=True))
    expected = {"I": -before["I"], "II": before["III"], "III": before["II"], "aVR": before["aVL"], "aVL": before["aVR"]}
    for lead, values in expected.items():
        np.testing.assert_allclose(after[lead], values, atol=1e-5)


def test_other_leads_keep_every_bit_even_where_limb_leads_break_their_laws():
    signal = np.random.default_rng(2).normal(size=(12, 30)).astype(np.float32)
    assert swap_electrodes(signal, "LA", "RA")[LEADS.index("aVF") :].tobytes() == signal[5:].tobytes()
    chest = swap_electrodes(signal, "V1", "V2")
    assert chest[:6].tobytes() == signal[:6].tobytes()
    assert chest[8:].tobytes() == signal[8:].tobytes()


def test_swapped_twice_is_as_before():
    signal = np.random.default_rng(3).normal(size=(12, 30)).astype(np.float32)
    twice = swap_electrodes(swap_electrodes(signal, "LL", "RA"), "RA", "LL")
    np.testing.assert_allclose(twice, signal, atol=1e-5)
