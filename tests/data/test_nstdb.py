from __future__ import annotations

import numpy as np
import pytest
import torch
import wfdb

from ssrl_ecg.augmentations.recorded_noise import RecordedNoise, RecordedNoiseConfig
from ssrl_ecg.data.nstdb import NOISES, read_noise
from ssrl_ecg.errors import InputError


def written(folder, name, signal_mv):
    wfdb.wrsamp(
        name,
        fs=360,
        units=["mV"] * 2,
        sig_name=["noise1", "noise2"],
        p_signal=signal_mv,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0] * 2,
        write_dir=str(folder),
    )


def test_reads_both_channels_in_millivolts(tmp_path):
    signal_mv = np.random.default_rng(0).normal(0, 0.3, (1000, 2))
    written(tmp_path, "em", signal_mv)
    noise = [read_noise(tmp_path, "em", part) for part in ("training", "test")]
    assert [part.sampling_rate_hz for part in noise] == [360, 360]
    both_mv = np.concatenate([part.signal_mv for part in noise], axis=1)
    np.testing.assert_allclose(both_mv, signal_mv.T, atol=0.5 / 200 + 1e-6)


def test_tests_get_the_last_third_of_the_time_and_training_the_rest(tmp_path):
    written(tmp_path, "bw", np.repeat(np.arange(30.0)[:, None] / 100, 2, axis=1))
    ends = [read_noise(tmp_path, "bw", part).signal_mv[0, [0, -1]] * 100 for part in ("training", "test")]
    assert np.allclose(ends, [[0, 19], [20, 29]], atol=0.5)


def test_other_names_missing_files_and_invalid_samples_are_refused(tmp_path):
    with pytest.raises(InputError, match="bw, em, ma"):
        read_noise(tmp_path, "100", "test")
    with pytest.raises(InputError, match=r"bw\.hea"):
        read_noise(tmp_path, "bw", "test")
    signal_mv = np.zeros((1000, 2))
    signal_mv[7, 1] = np.nan
    written(tmp_path, "ma", signal_mv)
    with pytest.raises(InputError, match=r"ma\.hea.*expected none, found 1"):
        read_noise(tmp_path, "ma", "test")


@pytest.mark.real_data
@pytest.mark.parametrize("name", NOISES)
def test_real_noise_reaches_the_stated_ratio(data_root, generator, name):
    noise = read_noise(data_root / "nstdb", name, "test")
    assert noise.signal_mv.shape == (2, 216_667)
    signal = torch.randn(8, 12, 1000, generator=generator)
    config = RecordedNoiseConfig(snr_db=(6.0, 6.0))
    added = RecordedNoise(config, noise.signal_mv, noise.sampling_rate_hz)(signal, 100.0, generator) - signal
    power = [one.var(dim=2).mean(dim=1) for one in (signal, added)]
    torch.testing.assert_close(power[0] / power[1], torch.full((8,), 10**0.6), rtol=1e-3, atol=0)
    slow = torch.fft.rfft(added).abs().square().mean(dim=(0, 1))
    share_below_1_hz = (slow[:10].sum() / slow.sum()).item()
    assert share_below_1_hz > 0.5 if name == "bw" else share_below_1_hz < 0.9
