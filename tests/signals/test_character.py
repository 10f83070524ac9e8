"""Facts about levels and leads against NumPy on signals whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.character import N_ARRANGEMENT_FACTS, character
from ssrl_ecg.signals.filters import fft_filter
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS


def tones(rate_hz, scale=1.0, seed=0):
    """Twelve leads, each a sum of the same 5 Hz and 30 Hz tones and a 0.1 Hz drift with weights of its own."""
    time_s = np.arange(round(10 * rate_hz)) / rate_hz
    basis = np.stack([np.sin(2 * np.pi * hz * time_s) for hz in (5.0, 30.0, 0.1)])
    weights = np.random.default_rng(seed).uniform(0.2, 1, (1, 12, 3))
    return (scale * weights @ basis).astype(np.float32), scale * weights[0]


@pytest.mark.parametrize("rate_hz", [100.0, 500.0])
def test_levels_are_those_of_the_tones_at_any_rate(rate_hz):
    signal_mv, weights = tones(rate_hz)
    band, noise, baseline, span = np.exp(character(signal_mv, rate_hz).levels[0]).reshape(4, 12)
    rms = weights / np.sqrt(2)
    gain_30_hz = 1 / (1 + (30 / 40) ** 4)
    np.testing.assert_allclose(band, np.hypot(rms[:, 0], gain_30_hz * rms[:, 1]), rtol=0.04)
    np.testing.assert_allclose(noise, rms[:, 1], rtol=0.01)
    np.testing.assert_allclose(baseline, rms[:, 2], rtol=0.01)
    np.testing.assert_allclose(span, np.ptp(signal_mv[0], axis=1), rtol=1e-5)


def test_arrangement_is_that_of_the_band_and_scale_moves_its_level_alone():
    signal_mv, _ = tones(100.0)
    facts = character(signal_mv, 100.0).arrangement[0]
    band = fft_filter(torch.from_numpy(signal_mv[0]), 100.0, low_hz=0.5, high_hz=40.0).double().numpy()
    band = band[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
    assert len(facts) == N_ARRANGEMENT_FACTS
    centre = np.quantile(band, 0.5, axis=1, method="nearest")
    correlation = ((band - centre[:, None]) @ (band - centre[:, None]).T)[np.triu_indices(8, 1)]
    sd = np.sqrt(np.square(band - centre[:, None]).sum(axis=1))
    wanted = correlation / np.outer(sd, sd)[np.triu_indices(8, 1)]
    np.testing.assert_allclose(np.tanh(facts[:28]), wanted.clip(-0.999, 0.999), atol=2e-3)
    np.testing.assert_allclose(
        facts[44:52] * np.exp(facts[28:36]), np.quantile(band, 0.995, axis=1) - centre, rtol=0.02
    )
    tenfold = character(10 * signal_mv, 100.0).arrangement[0] - facts
    np.testing.assert_allclose(tenfold[28:36], np.log(10), atol=1e-4)
    np.testing.assert_allclose(np.delete(tenfold, range(28, 36)), 0, atol=1e-3)


def test_what_a_dipole_leaves_over_is_the_share_of_electrodes_own_noise():
    rng = np.random.default_rng(0)
    tones_hz = np.sin(2 * np.pi * np.arange(4, 20)[:, None] * np.arange(1000) / 100)
    dipole, own = rng.normal(size=(12, 3)) @ tones_hz[:3], tones_hz[3:15] * 0.1
    found = character((dipole + own)[None], 100.0)
    singular = np.linalg.svd((dipole + own)[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]], compute_uv=False) ** 2
    np.testing.assert_allclose(np.exp(found.beyond_dipole), singular[3:].sum() / singular.sum(), rtol=0.05)
    assert character(dipole[None], 100.0).beyond_dipole < found.beyond_dipole - 5
    np.testing.assert_allclose(character(7 * (dipole + own)[None], 100.0).beyond_dipole, found.beyond_dipole, atol=1e-3)


def test_dead_leads_have_finite_facts():
    found = character(np.zeros((2, 12, 300), np.float32), 100.0)
    assert np.isfinite(found.arrangement).all()
    np.testing.assert_allclose(found.levels, np.log(1e-4))
    np.testing.assert_allclose(found.beyond_dipole, np.log(1e-6))


def test_other_leads_are_refused():
    with pytest.raises(InputError, match="twelve leads"):
        character(np.zeros((2, 8, 300), np.float32), 100.0)
