"""Faults are as large as they say, and leave what they are given as it is."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.predict.faults import FAULTS
from ssrl_ecg.signals.leads import LEADS

FORMS = [(kind, form) for kind, forms in FAULTS.items() for form in forms]


@pytest.fixture(scope="module")
def signals_mv():
    rng = np.random.default_rng(1)
    return (rng.normal(size=(5, 12, 2000)) * rng.uniform(0.1, 1, (5, 1, 1))).astype(np.float32)


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_something_changes_and_the_original_does_not(signals_mv, kind, form):
    before = signals_mv.copy()
    spoiled = FAULTS[kind][form](signals_mv, 100.0, np.random.default_rng(0))
    np.testing.assert_array_equal(signals_mv, before)
    assert spoiled.shape == before.shape
    assert spoiled.dtype == np.float32
    assert (spoiled != before).any(axis=(1, 2)).all()


def test_sizes(signals_mv):
    def difference(kind, form):
        return FAULTS[kind][form](signals_mv, 100.0, np.random.default_rng(0)) - signals_mv

    power = np.square(signals_mv).mean(axis=(1, 2))
    for form in FAULTS["noisy"]:
        np.testing.assert_allclose(np.square(difference("noisy", form)).mean(axis=(1, 2)), power, rtol=0.15)
    spectrum = np.square(np.abs(np.fft.rfft(difference("noisy", "0.5 to 8 Hz noise at 0 dB")))).mean(axis=(0, 1))
    hz = np.fft.rfftfreq(2000, 0.01)
    assert spectrum[(hz > 0.5) & (hz < 8)].sum() > 0.8 * spectrum.sum()
    flat = FAULTS["flat"]["one lead flat"](signals_mv, 100.0, np.random.default_rng(0))
    np.testing.assert_array_equal((flat == 0).all(axis=2).sum(axis=1), 1)
    np.testing.assert_allclose(difference("wrong unit", "uV taken for mV"), 999 * signals_mv, rtol=1e-4)
    assert set(FAULTS["leads swapped"]) >= {"right arm and left arm", f"{LEADS[6]} and {LEADS[7]}"}
