from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.bandpass import Bandpass, BandpassConfig
from ssrl_ecg.augmentations.base import Parameters
from ssrl_ecg.signals.filters import sos_filter


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 500.0])
def test_each_record_gets_the_gain_of_its_own_cut_offs(sampling_rate_hz, generator):
    frequencies_hz = (0.5, 1.0, 5.0, 30.0, 45.0)
    time_s = torch.arange(round(20 * sampling_rate_hz), dtype=torch.float64) / sampling_rate_hz
    signal = torch.stack([torch.sin(2 * math.pi * f * time_s) for f in frequencies_hz]).repeat(6, 1, 1)
    bandpass = Bandpass(BandpassConfig(probability=1.0))
    drawn = bandpass.draw(signal, sampling_rate_hz, generator)
    middle = slice(round(6 * sampling_rate_hz), round(14 * sampling_rate_hz))  # whole periods of every sine
    kept = bandpass.apply(signal, drawn, sampling_rate_hz)[..., middle].std(dim=2) / signal[..., middle].std(dim=2)
    for row, (low, high) in enumerate(zip(drawn["low_hz"].tolist(), drawn["high_hz"].tolist(), strict=True)):
        for lead, f in enumerate(frequencies_hz):
            low_pass = 1 / (1 + (f / high) ** 4) if high < sampling_rate_hz / 2 else 1.0
            expected = low_pass / (1 + (low / f) ** 4)
            assert kept[row, lead].item() == pytest.approx(expected, abs=0.01)


def test_matches_scipys_sections_record_by_record(batch, generator):
    bandpass = Bandpass(BandpassConfig(probability=1.0))
    drawn = bandpass.draw(batch, 100.0, generator)
    output = bandpass.apply(batch, drawn, 100.0).numpy()
    assert {high >= 50 for high in drawn["high_hz"].tolist()} == {True, False}
    for row, (low, high) in enumerate(zip(drawn["low_hz"].tolist(), drawn["high_hz"].tolist(), strict=True)):
        expected = sos_filter(batch[row].numpy(), 100.0, low_hz=low, high_hz=high)
        np.testing.assert_allclose(output[row, :, 100:-100], expected[:, 100:-100], atol=0.02)


def test_a_cut_off_at_nyquist_is_no_low_pass(batch):
    bandpass = Bandpass(BandpassConfig())
    rows = torch.arange(6)

    def filtered(high_hz: float) -> torch.Tensor:
        drawn = Parameters(rows, {"low_hz": torch.full((6,), 0.5), "high_hz": torch.full((6,), high_hz)})
        return bandpass.apply(batch, drawn, 100.0)

    assert torch.equal(filtered(50.0), filtered(60.0))
    assert not torch.equal(filtered(49.9), filtered(50.0))


def test_documented_strength_and_rate():
    config = BandpassConfig()
    assert (config.probability, config.low_hz, config.high_hz) == (0.3, (0.5, 1.5), (40.0, 60.0))
