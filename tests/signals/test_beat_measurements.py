"""Amplitudes against slow reading of single beats; axes, angles and indices against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.beat_measurements import (
    angle_degrees,
    complexity,
    frontal_axis_degrees,
    lead_measurements,
    transition_zone,
    vector_measurements,
    voltage_measurements,
)
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurements import measure
from ssrl_ecg.signals.representative_beat import RepresentativeBeat, representative_beat
from ssrl_ecg.signals.vcg import vcg_to_leads

RATE_HZ = 1000.0
P, QRS, T = slice(50, 151), slice(200, 301), slice(400, 601)


def beat_of(p=(0, 0, 0), qrs=(0, 0, 0), t=(0, 0, 0), st=(0, 0, 0)):
    """A beat of one half sine per wave along fixed dipoles, a constant ST dipole between QRS and T; leads by Dower."""
    vcg = np.zeros((3, 700))
    for wave, dipole in ((P, p), (QRS, qrs), (T, t)):
        n_samples = wave.stop - wave.start
        vcg[:, wave] += np.outer(dipole, np.sin(np.pi * np.arange(n_samples) / (n_samples - 1)))
    vcg[:, QRS.stop : T.start] += np.asarray(st, dtype=float)[:, None]
    fiducials_s = (np.array([50, 100, 150, 200, 250, 300, 400, 500, 600]) - 250) / RATE_HZ
    return RepresentativeBeat(vcg_to_leads(vcg), RATE_HZ, -0.25, fiducials_s, np.arange(1), np.full(12, np.nan))


@pytest.mark.parametrize("angle", [-150, -60, 0, 30, 60, 120, 180])
def test_axis_is_the_direction_of_a_vector_in_einthovens_triangle(angle):
    """I is the vector's component to the left; aVF is sqrt(3)/2 of its component to the feet."""
    lead_i, lead_avf = np.cos(np.radians(angle)), np.sqrt(3) / 2 * np.sin(np.radians(angle))
    assert frontal_axis_degrees(lead_i, lead_avf) == pytest.approx(angle)
    # In the triangle II lies at 60 degrees and III at 120; both follow from I and aVF by Einthoven's law.
    lead_ii = lead_avf + lead_i / 2
    assert lead_ii == pytest.approx(np.cos(np.radians(angle - 60)))
    assert np.isnan(frontal_axis_degrees(0.0, 0.0))


def test_angles_between_qrs_and_t_are_those_of_their_dipoles():
    qrs, t = np.array([1.0, 0.6, 0.3]), np.array([0.2, 0.3, -0.2])
    beat = beat_of(qrs=qrs, t=t)
    values = vector_measurements(beat, lead_measurements(beat))
    expected = np.degrees(np.arccos(qrs @ t / np.linalg.norm(qrs) / np.linalg.norm(t)))
    # The inverse Dower matrix is printed to three decimals and inverts to about a percent.
    assert values["qrs_t_spatial_degrees"] == pytest.approx(expected, abs=1)
    assert values["qrs_t_peaks_degrees"] == pytest.approx(expected, abs=1)
    assert values["qrs_vector_mv"] == pytest.approx(np.linalg.norm(qrs), rel=0.01)
    assert values["qrs_azimuth_degrees"] == pytest.approx(np.degrees(np.arctan2(0.3, 1.0)), abs=1)
    # Half sines of 100 and 200 ms have areas of 2/pi times their length.
    gradient = 2 / np.pi * np.linalg.norm(100 * qrs + 200 * t)
    assert values["ventricular_gradient_mv_ms"] == pytest.approx(gradient, rel=0.02)


def test_angle_between_vectors():
    assert angle_degrees(np.array([1.0, 0, 0]), np.array([0, 2.0, 0])) == pytest.approx(90)
    assert angle_degrees(np.array([1.0, 1, 0]), np.array([-3.0, -3, 0])) == pytest.approx(180)
    assert np.isnan(angle_degrees(np.zeros(3), np.ones(3)))


def test_amplitudes_and_areas_of_half_sines():
    beat = beat_of(p=(0.1, 0.05, 0), qrs=(1.0, 0.4, -0.3), t=(-0.2, 0.1, 0.1), st=(0.05, 0, 0))
    values = lead_measurements(beat)
    for lead, name in enumerate(LEADS):
        peak_p, peak_qrs, peak_t = (beat.signal_mv[lead, at] for at in (100, 250, 500))
        assert values["p_mv"][lead] == pytest.approx(peak_p, abs=1e-9), name
        assert values["r_mv"][lead] == pytest.approx(max(peak_qrs, 0) if abs(peak_qrs) > 0.02 else 0, abs=1e-9)
        assert values["s_mv"][lead] == pytest.approx(max(-peak_qrs, 0) if abs(peak_qrs) > 0.02 else 0, abs=1e-9)
        assert values["t_mv"][lead] == pytest.approx(peak_t, abs=1e-9)
        assert values["qrs_area_mv_ms"][lead] == pytest.approx(200 / np.pi * peak_qrs, rel=1e-3, abs=1e-6)
        assert values["t_area_mv_ms"][lead] == pytest.approx(400 / np.pi * peak_t, rel=1e-3, abs=1e-6)
    np.testing.assert_allclose(values["st_j60_mv"], beat.signal_mv[:, 350], atol=1e-9)
    np.testing.assert_allclose(values["st_j80_mv"], values["st_j60_mv"], atol=1e-9)
    assert values["qrs_path"] == pytest.approx(np.ones(12), abs=0.01)  # one smooth wave: up and down once


def test_st_slope_is_that_of_a_ramp():
    beat = beat_of()
    ramp = 0.6 * np.arange(700) / RATE_HZ
    ramp[:301] = ramp[300]
    values = lead_measurements(RepresentativeBeat(**{**vars(beat), "signal_mv": beat.signal_mv + ramp}))
    # The J level is a mean over 8 ms about J, half of which lies before it, where the ramp is level.
    np.testing.assert_allclose(values["st_slope_mv_per_s"][0], 0.6, rtol=0.1)


def test_p_terminal_force_is_depth_times_duration_of_the_negative_end():
    beat = beat_of(qrs=(1, 0.4, 0))
    beat.signal_mv[6, P] = np.sin(2 * np.pi * np.arange(101) / 100) * 0.1  # first half up, second half down
    assert lead_measurements(beat)["p_terminal_mv_ms"][6] == pytest.approx(0.1 * 50, rel=0.03)
    beat.signal_mv[6, P] *= -1
    assert lead_measurements(beat)["p_terminal_mv_ms"][6] == pytest.approx(0, abs=0.01)


def test_amplitudes_are_the_medians_over_single_beats(clean, truth):
    """Read beat by beat from the raw samples; breathing changes amplitudes by 4 %, which a median beat evens out."""
    delineation = truth(clean, 2)
    signal_mv = clean.signal_mv[2].astype(float)
    values = measure(signal_mv, 500.0, delineation).values
    readings = {"r_mv": [], "t_area": []}
    for beat in delineation.overall_s[1:-1]:
        onset, offset, t_onset, t_offset = (round(time_s * 500) for time_s in beat[[3, 5, 6, 8]])
        level = signal_mv[:, onset - 12 : onset - 1].mean(axis=1)
        readings["r_mv"].append(signal_mv[:, onset : offset + 1].max(axis=1) - level)
        readings["t_area"].append((signal_mv[:, t_onset : t_offset + 1] - level[:, None]).sum(axis=1) * 2)
    tall = np.median(readings["r_mv"], axis=0) > 0.3
    for lead in np.flatnonzero(tall):
        expected = np.median(readings["r_mv"], axis=0)[lead]
        assert values[f"r_mv_{LEADS[lead]}"] == pytest.approx(expected, rel=0.04)
    for lead in range(12):
        expected = np.median(readings["t_area"], axis=0)[lead]
        assert values[f"t_area_mv_ms_{LEADS[lead]}"] == pytest.approx(expected, rel=0.06, abs=1.0)


def test_voltage_indices_are_their_sums(clean, truth):
    beat = representative_beat(clean.signal_mv[5], 500.0, truth(clean, 5))
    leads = lead_measurements(beat)
    r, s = (dict(zip(LEADS, leads[f"{wave}_mv"], strict=True)) for wave in "rs")
    values = voltage_measurements(leads, 90.0)
    assert values["sokolow_lyon_mv"] == pytest.approx(s["V1"] + max(r["V5"], r["V6"]))
    assert values["cornell_mv"] == pytest.approx(r["aVL"] + s["V3"])
    assert values["cornell_product_mv_ms"] == pytest.approx(90 * values["cornell_mv"])
    assert values["sokolow_product_mv_ms"] == pytest.approx(90 * values["sokolow_lyon_mv"])
    assert values["gubner_mv"] == pytest.approx(r["I"] + s["III"])
    assert values["lewis_mv"] == pytest.approx(r["I"] + s["III"] - s["I"] - r["III"])
    assert values["peguero_mv"] == pytest.approx(max(s.values()) + s["V4"])


def test_transition_zone():
    assert transition_zone(np.array([-1.0, -0.5, -0.5, 0.5, 1, 1])) == 3.5
    assert transition_zone(np.array([0.1, -1, -1, -1, 1, 1])) == 1
    assert transition_zone(np.full(6, -1.0)) == 6
    assert np.isnan(transition_zone(np.array([-1, np.nan, 1, 1, 1, 1])))


def test_complexity_is_what_two_components_leave():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(8, 2)) @ rng.normal(size=(2, 50))
    assert complexity(plane) == pytest.approx(0, abs=1e-12)
    wave = rng.normal(size=(8, 50))
    energies = np.linalg.svd(wave, compute_uv=False) ** 2
    assert complexity(wave) == pytest.approx(energies[2:].sum() / energies.sum())
    assert np.isnan(complexity(np.zeros((8, 5))))
