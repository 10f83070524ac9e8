from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from ssrl_ecg.data.acquisition import draw_noise, draw_recording, twelve_leads
from ssrl_ecg.signals.leads import LEADS, einthoven_error_mv


def test_twelve_leads_are_whole_microvolts_that_obey_the_laws_exactly():
    eight_mv = np.random.default_rng(0).normal(0, 0.7, (3, 8, 400)).astype(np.float32)
    twelve_mv = twelve_leads(eight_mv)
    uv = np.rint(twelve_mv.astype(np.float64) * 1000).astype(np.int64)
    np.testing.assert_allclose(uv / 1000, twelve_mv, atol=1e-6)
    i, ii, iii, avr, avl, avf = (uv[:, LEADS.index(lead)] for lead in LEADS[:6])
    np.testing.assert_array_equal(iii, ii - i)
    np.testing.assert_array_equal(2 * avr, -(i + ii))
    np.testing.assert_array_equal(2 * avl, 2 * i - ii)
    np.testing.assert_array_equal(2 * avf, 2 * ii - i)
    assert einthoven_error_mv(twelve_mv).max() < 2e-6
    np.testing.assert_allclose(twelve_mv[:, :2], eight_mv[:, :2], atol=1.001e-3)
    np.testing.assert_allclose(twelve_mv[:, 6:], eight_mv[:, 2:], atol=0.501e-3)


@pytest.mark.parametrize("sampling_rate_hz", [100, 500])
def test_noise_has_the_density_its_parameters_name_at_any_rate(sampling_rate_hz: int):
    """Welch's estimate against 1/f^a plus muscle noise behind the amplifier, per lead, averaged over records."""
    generator = np.random.default_rng(1)
    recording = draw_recording(60, 1.0, generator)
    n_samples = 20 * sampling_rate_hz
    noise_mv = draw_noise(recording, sampling_rate_hz, n_samples, None, generator)
    frequency_hz, density = signal.welch(noise_mv, sampling_rate_hz, nperseg=2 * sampling_rate_hz, detrend="linear")
    for f_hz in (5.0, 10.0, 20.0, 40.0):
        expected = np.zeros((60, 8))
        for row in range(60):
            pink = recording.pink_mv_per_rthz[row] ** 2 * (10 / f_hz) ** recording.pink_exponent[row]
            muscle = recording.muscle_mv_per_rthz[row] ** 2 * f_hz**2 / (f_hz**2 + 30**2)
            expected[row] = (pink + muscle) * recording.lead_noise[row] ** 2 / (1 + (f_hz / 150) ** 4) ** 2
        ratio = density[:, :, np.argmin(abs(frequency_hz - f_hz))] / expected
        assert ratio.mean() == pytest.approx(1, abs=0.05), f_hz


def test_wander_is_slow_and_as_large_as_its_amplitudes():
    recording = draw_recording(40, 1.0, np.random.default_rng(2))
    recording.pink_mv_per_rthz[:] = recording.muscle_mv_per_rthz[:] = 0
    wander_mv = draw_noise(recording, 100, 60_000, None, np.random.default_rng(0))
    ratio = wander_mv.var(axis=2) / ((recording.slow_mv**2).sum(axis=2) / 2)
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    spectrum = abs(np.fft.rfft(wander_mv * np.hanning(60_000), axis=2)) ** 2
    frequency_hz = np.fft.rfftfreq(60_000, 0.01)
    assert spectrum[..., frequency_hz > 0.5].sum() < 1e-3 * spectrum.sum()


def test_mains_is_a_line_below_half_the_sampling_rate_and_absent_above():
    recording = draw_recording(5, 1.0, np.random.default_rng(3))
    clean_mv, hum_mv = (draw_noise(recording, 500, 5000, hz, np.random.default_rng(4)) for hz in (None, 50.0))
    line_mv = hum_mv - clean_mv
    amplitude_mv = 2 * abs(np.fft.rfft(line_mv, axis=2)) / 5000
    np.testing.assert_allclose(amplitude_mv[:, :, 500], np.linalg.norm(recording.mains_mv, axis=2), rtol=1e-3)
    np.testing.assert_allclose(np.delete(amplitude_mv, 500, axis=2), 0, atol=1e-5)
    at_nyquist = [draw_noise(recording, 100, 1000, hz, np.random.default_rng(4)) for hz in (None, 50.0)]
    np.testing.assert_array_equal(*at_nyquist)


def test_no_noise_is_none():
    recording = draw_recording(3, 0.0, np.random.default_rng(5))
    assert not draw_noise(recording, 100, 1000, 50.0, np.random.default_rng(6)).any()
