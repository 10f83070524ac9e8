from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from ssrl_ecg.augmentations.recorded_noise import RecordedNoise, RecordedNoiseConfig
from ssrl_ecg.errors import InputError


@pytest.fixture
def noise_mv():
    """(2, time): a minute of noise at 100 Hz with an offset."""
    return np.random.default_rng(1).normal(0.4, 0.2, (2, 6000))


def test_each_electrode_receives_an_excerpt_of_its_own(batch, generator, noise_mv, read_by_leads):
    recorded = RecordedNoise(RecordedNoiseConfig(), noise_mv, 100.0)
    drawn = recorded.draw(batch, 100.0, generator)
    output = recorded.apply(batch, drawn, 100.0).numpy()
    assert len(drawn["start_s"].unique()) > 50
    for row, record in enumerate(batch.numpy()):
        electrodes = []
        for channel, start_s in zip(drawn["channel"][row].tolist(), drawn["start_s"][row].tolist(), strict=True):
            start = round(start_s * 100)
            excerpt = noise_mv[channel, start : start + 400]
            electrodes.append(excerpt - excerpt.mean())
        noise = read_by_leads(np.stack(electrodes))
        ratio = 10 ** (drawn["snr_db"][row].item() / 10)
        noise *= math.sqrt(record.var(axis=1).mean() / noise.var(axis=1).mean() / ratio)
        np.testing.assert_allclose(output[row], record + noise, atol=1e-5)


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 12.0])
@pytest.mark.parametrize("sampling_rate_hz", [100.0, 250.0])
def test_the_signal_to_noise_ratio_is_the_stated_one(batch, generator, noise_mv, snr_db, sampling_rate_hz):
    recorded = RecordedNoise(RecordedNoiseConfig(snr_db=(snr_db, snr_db)), noise_mv, 100.0)
    added = recorded(batch, sampling_rate_hz, generator) - batch
    power = [signal.var(dim=2).mean(dim=1) for signal in (batch, added)]
    torch.testing.assert_close(10 * (power[0] / power[1]).log10(), torch.full((6,), snr_db, dtype=torch.float64))


def test_the_recording_is_resampled_to_the_rate_of_the_batch(generator):
    time_s = np.arange(60 * 360) / 360
    noise_mv = np.stack([np.sin(2 * np.pi * 3.7 * time_s)] * 2)
    recorded = RecordedNoise(RecordedNoiseConfig(snr_db=(0.0, 0.0)), noise_mv, 360.0)
    signal = torch.randn(4, 12, 1000, generator=generator)
    added = recorded(signal, 100.0, generator) - signal
    assert (torch.fft.rfft(added).abs().argmax(dim=2) == 37).all()  # 3.7 Hz in 10 s
    held = recorded._recording(100.0, signal).numpy()
    np.testing.assert_allclose(held[:, 100:-100], resample_poly(noise_mv, 5, 18, axis=1)[:, 100:-100], atol=1e-3)


def test_a_record_without_signal_stays_without_noise_and_silence_adds_nothing(batch, generator, noise_mv):
    batch[2] = 0.7
    output = RecordedNoise(RecordedNoiseConfig(), noise_mv, 100.0)(batch, 100.0, generator)
    torch.testing.assert_close(output[2], batch[2])
    silent = RecordedNoise(RecordedNoiseConfig(), np.zeros((1, 6000)), 100.0)
    assert torch.equal(silent(batch, 100.0, generator), batch)


def test_two_recordings_are_told_apart_in_run_records(noise_mv):
    one, same, other = (
        RecordedNoise(RecordedNoiseConfig(), mv, 100.0).to_dict() for mv in (noise_mv, noise_mv, -noise_mv)
    )
    assert one == same != other


@pytest.mark.parametrize("wrong", [np.zeros(10), np.zeros((0, 10)), np.array([[0.0, np.nan]])])
def test_what_is_no_recording_is_refused(wrong):
    with pytest.raises(InputError, match="channel, time"):
        RecordedNoise(RecordedNoiseConfig(), wrong, 100.0)


def test_records_longer_than_the_recording_are_refused(generator, noise_mv):
    with pytest.raises(InputError, match="shorter"):
        RecordedNoise(RecordedNoiseConfig(), noise_mv, 100.0)(torch.zeros(1, 12, 7000), 100.0, generator)
