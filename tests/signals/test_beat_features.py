from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.beat_features import BEAT_FEATURES, MORPHOLOGY_FEATURES, describe_beats
from ssrl_ecg.signals.rpeaks import find_r_peaks
from ssrl_ecg.signals.vcg import vcg_to_leads

RATE_HZ = 500.0
COLUMN = {name: column for column, name in enumerate(BEAT_FEATURES)}


def bump(time_s, at_s, width_s):
    return np.exp(-0.5 * ((time_s - at_s) / width_s) ** 2)


def beats_at(times_s, rate_hz=RATE_HZ, size_mv=1.0):
    """A QRS complex along X and a T wave along Y at each time."""
    time_s = np.arange(round(10 * rate_hz)) / rate_hz
    x = size_mv * sum(bump(time_s, t, 0.012) for t in times_s)
    y = 0.3 * sum(bump(time_s, t + 0.28, 0.03) for t in times_s)
    return vcg_to_leads(np.stack([x, y, 0 * x]))


def test_beats_are_those_of_the_detector():
    ecg = simulate(3, generator=np.random.default_rng(2), sampling_rate_hz=100, noise=0.3)
    for signal_mv in ecg.signal_mv:
        found = describe_beats(signal_mv, 100)
        np.testing.assert_array_equal(found.r_peaks_s, find_r_peaks(signal_mv, 100))
        assert found.features.shape == (len(found.r_peaks_s), len(BEAT_FEATURES))


@pytest.mark.parametrize("rate_hz", [100.0, 360.0, 500.0])
def test_waves_are_found_on_their_axes_in_mv_at_any_rate(rate_hz):
    times_s = np.arange(0.7, 9.5, 0.8)
    features = describe_beats(beats_at(times_s, rate_hz), rate_hz).features[1:-1]
    means = dict(zip(BEAT_FEATURES, features.T, strict=True))
    area_mv_s = np.sqrt(2 * np.pi) * 0.012
    assert means["qrs_x_mv"] == pytest.approx(area_mv_s / 0.14, rel=0.1)
    offsets_s = np.linspace(0.20, 0.36, 500)
    assert means["t_y_mv"] == pytest.approx(0.3 * bump(offsets_s, 0.28, 0.03).mean(), rel=0.1)
    assert means["qrs_vector_mv"] == pytest.approx(1, abs=0.12)
    for name in ("p_x_mv", "qrs_z_mv", "t_x_mv", "st_z_mv"):
        assert np.abs(means[name]).max() < 0.05, name
    assert means["rr_before_s"] == pytest.approx(0.8, abs=0.005)
    assert means["prematurity"] == pytest.approx(1, abs=0.01)
    assert (np.abs(means["qrs_width_ms"] - 60) < 25).all()


def test_an_early_wide_beat_differs_in_what_makes_it_so():
    times_s = np.array([0.7, 1.5, 2.3, 3.1, 3.9, 5.1, 5.9, 6.7, 7.5, 8.3, 9.1])
    time_s = np.arange(5000) / RATE_HZ
    early = vcg_to_leads(np.stack([0 * time_s, 0 * time_s, 2.0 * bump(time_s, 4.5, 0.03)]))
    found = describe_beats(beats_at(times_s) + early, RATE_HZ)
    odd = int(np.abs(found.r_peaks_s - 4.5).argmin())
    others = np.delete(np.arange(len(found.features))[1:-1], odd - 1)
    features = found.features
    assert features[odd, COLUMN["prematurity"]] == pytest.approx(0.75, abs=0.03)
    assert features[odd, COLUMN["qrs_width_ms"]] > 1.5 * features[others, COLUMN["qrs_width_ms"]].max()
    assert features[odd, COLUMN["qrs_z_mv"]] > 10 * np.abs(features[others, COLUMN["qrs_z_mv"]]).max()


def test_what_leaves_the_recording_is_nan():
    found = describe_beats(beats_at([0.1, 1.0, 1.9, 2.8, 3.7, 4.6, 5.5, 6.4, 7.3, 8.2, 9.1, 9.8]), RATE_HZ)
    assert len(found.r_peaks_s) == 12
    first, last = (dict(zip(BEAT_FEATURES, found.features[row], strict=True)) for row in (0, -1))
    assert np.isnan([first["rr_before_s"], first["p_x_mv"], last["rr_after_s"], last["t_x_mv"]]).all()
    assert np.isfinite([first["rr_after_s"], first["t_x_mv"], last["rr_before_s"], last["p_x_mv"]]).all()
    assert np.isfinite(found.features[1:-1]).all()


def test_no_beats_and_a_single_one():
    assert describe_beats(np.zeros((12, 1000)), 100).features.shape == (0, len(BEAT_FEATURES))
    alone = describe_beats(beats_at([5.0]), RATE_HZ)
    assert np.isnan(alone.features[0, :3]).all()
    assert np.isfinite(alone.features[0, -len(MORPHOLOGY_FEATURES) :]).all()


def test_twelve_leads_are_needed():
    with pytest.raises(InputError, match="twelve leads"):
        describe_beats(np.zeros((3, 1000)), 100)
