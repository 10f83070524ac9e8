from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.signals.pacing import spike_samples, without_spikes


@pytest.fixture(scope="module")
def hearts():
    return simulate(8, generator=np.random.default_rng(5), sampling_rate_hz=500, noise=0.3).signal_mv


def with_spikes(signal_mv, at):
    spiked = signal_mv.copy()
    for sample in at:
        spiked[:, sample : sample + 2] += np.linspace(-0.8, 1.2, len(spiked))[:, None]
    return spiked


def test_no_spike_in_beating_hearts(hearts):
    assert [len(spike_samples(heart, 500)) for heart in hearts] == [0] * len(hearts)


def test_spikes_are_found_where_they_are_and_taken_out(hearts):
    at = np.array([400, 911, 1415, 2003, 4444])
    for heart in hearts:
        spiked = with_spikes(heart, at)
        found = spike_samples(spiked, 500)
        assert len(found) == len(at)
        assert np.abs(found - at).max() <= 2
        cleaned = without_spikes(spiked, found, 500)
        assert len(spike_samples(cleaned, 500)) == 0
        away = np.abs(np.arange(5000)[:, None] - at).min(axis=1) > 12
        np.testing.assert_array_equal(cleaned[:, away], spiked[:, away])


def test_nothing_is_looked_for_where_a_spike_cannot_be_told_from_an_r_wave(hearts):
    spiked = with_spikes(hearts[0], [400, 911, 1415])
    assert len(spike_samples(spiked[:, ::5], 100)) == 0
    assert len(spike_samples(spiked[:, 400:410], 500)) == 0
