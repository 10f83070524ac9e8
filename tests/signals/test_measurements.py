"""The whole of a recording's measurements: names, reasons, flags, and everything that can be wrong with a recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.delineation import Delineation
from ssrl_ecg.signals.measurement_names import PER_LEAD, RECORD
from ssrl_ecg.signals.measurements import FLAGS, MEASUREMENTS, measure

UNIT_OF_ENDING = {
    "_ms": "ms",
    "_mv": "mV",
    "_mv_ms": "mV ms",
    "_mv_per_s": "mV/s",
    "_bpm": "/min",
    "_degrees": "degrees",
    "_percent": "%",
}


def test_names_end_in_their_unit():
    for name, one in {**RECORD, **PER_LEAD}.items():
        ending = next((end for end in ("_mv_per_s", "_mv_ms", *UNIT_OF_ENDING) if name.endswith(end)), None)
        assert one.unit == (UNIT_OF_ENDING[ending] if ending else "1"), name


def check(measured):
    """Every name in order, every NaN with a reason and nothing else with one, only known flags."""
    assert list(measured.values) == list(MEASUREMENTS)
    missing = {name for name, value in measured.values.items() if np.isnan(value)}
    assert set(measured.reasons) == missing
    assert all(measured.reasons.values())
    assert set(measured.flags) <= set(FLAGS)
    assert all(np.isfinite(value) for name, value in measured.values.items() if name not in missing)
    return measured


def test_a_clean_record_has_all_measurements_but_those_of_waves_it_lacks(clean, truth):
    for record in range(10):
        measured = check(measure(clean.signal_mv[record], 500.0, truth(clean, record)))
        if clean.table["rhythm"][record] != "AFIB":
            assert set(measured.reasons.values()) <= {"no R wave"}


def test_rate_of_recording_hardly_matters(clean, truth):
    """Every fifth sample: times are known to 10 ms then, and amplitudes of half as many samples per wave."""
    for record in range(5):
        fine = measure(clean.signal_mv[record], 500.0, truth(clean, record)).values
        coarse_signal, delineation = clean.signal_mv[record][:, ::5], truth(clean, record)
        coarse = measure(coarse_signal, 100.0, replace(delineation, sampling_rate_hz=100.0)).values
        for name in ("heart_rate_bpm", "qrs_ms", "qt_ms"):
            assert coarse[name] == pytest.approx(fine[name])
        for name in ("r_mv_V5", "s_mv_V2", "t_mv_V4", "sokolow_lyon_mv", "p_mv_II"):
            assert coarse[name] == pytest.approx(fine[name], rel=0.05, abs=0.03, nan_ok=True)


def test_unusable_leads_are_named_and_spare_the_others(clean, truth):
    delineation, signal_mv = truth(clean, 2), clean.signal_mv[2].copy()
    signal_mv[8] = np.nan
    usable = np.arange(12) != 8
    measured = check(
        measure(signal_mv, 500.0, replace(delineation, usable=usable, problems=("lead V3 is mostly missing",)))
    )
    plain = measure(clean.signal_mv[2], 500.0, delineation).values
    assert measured.reasons["r_mv_V3"] == measured.reasons["cornell_mv"] == "lead V3 is mostly missing"
    assert measured.reasons["qrs_t_spatial_degrees"] == "lead V3 is mostly missing"
    assert measured.values["r_mv_V5"] == plain["r_mv_V5"]
    assert measured.values["qrs_axis_degrees"] == plain["qrs_axis_degrees"]
    assert "unusable_leads" in measured.flags


def test_fibrillation_has_no_p_values_but_all_others(clean, truth):
    delineation = truth(clean, 2)
    overall_s = delineation.overall_s.copy()
    overall_s[:, :3] = np.nan
    why = "no P waves: irregular rhythm"
    measured = check(measure(clean.signal_mv[2], 500.0, replace(delineation, overall_s=overall_s, problems=(why,))))
    assert measured.reasons["pr_ms"] == measured.reasons["p_mv_II"] == why
    assert measured.values["p_present_percent"] == 0
    assert "no_p_waves" in measured.flags
    assert all(MEASUREMENTS[name].waves[:1] == ("P",) or "P" in MEASUREMENTS[name].waves for name in measured.reasons)


def only(delineation: Delineation, beats: slice) -> Delineation:
    return replace(
        delineation,
        leads_s=delineation.leads_s[:, beats],
        overall_s=delineation.overall_s[beats],
        paced=delineation.paced[beats],
        ectopic=delineation.ectopic[beats],
    )


def test_one_beat_has_amplitudes_and_intervals_but_no_rhythm(clean, truth):
    measured = check(measure(clean.signal_mv[2], 500.0, only(truth(clean, 2), slice(3, 4))))
    assert measured.reasons["heart_rate_bpm"] == "needs 2 beats, there are 1"
    assert measured.reasons["rmssd_ms"] == "needs 3 beats, there are 1"
    assert np.isfinite(measured.values["qt_ms"])
    assert measured.values["r_mv_V5"] > 0.1
    assert "few_beats" in measured.flags


def test_no_beat_has_one_reason(clean, truth):
    measured = check(measure(clean.signal_mv[2], 500.0, only(truth(clean, 2), slice(0, 0))))
    assert measured.flags == ("no_beats",)
    assert measured.values["beats"] == 0
    assert set(measured.reasons.values()) == {"no QRS complex was found"}


def test_only_paced_beats_are_measured_and_flagged(clean, truth):
    delineation = truth(clean, 2)
    measured = check(measure(clean.signal_mv[2], 500.0, replace(delineation, paced=np.ones_like(delineation.paced))))
    assert measured.values["paced_percent"] == 100
    assert {"paced", "only_abnormal_beats"} <= set(measured.flags)
    assert np.isfinite(measured.values["qrs_ms"])


def test_interchanged_arms_are_flagged(clean, truth):
    """Interchanged arms negate I and exchange II with III and aVR with aVL: axes to the left turn to the right."""
    n_leftward = 0
    for record in range(20):
        plain = measure(clean.signal_mv[record], 500.0, truth(clean, record))
        swapped = clean.signal_mv[record][[0, 2, 1, 4, 3, 5, 6, 7, 8, 9, 10, 11]].copy()
        swapped[0] *= -1
        if all(abs(plain.values[f"{wave}_axis_degrees"]) < 89 for wave in ("p", "qrs", "t")):
            n_leftward += 1
            assert "limbs_perhaps_swapped" not in plain.flags
            assert "limbs_perhaps_swapped" in measure(swapped, 500.0, truth(clean, record)).flags
    assert n_leftward >= 5


NOISE = np.random.default_rng(0).standard_normal((12, 1000))


@pytest.mark.parametrize(
    "signal_mv",
    [
        np.zeros((12, 1000)),
        np.full((12, 1000), np.nan),
        0.05 * NOISE,
        0.05 * NOISE[:, :200],
        np.where(np.arange(12)[:, None] < 6, 0.0, 0.2 * NOISE),
        1e4 * NOISE,
        np.zeros((12, 3)),
    ],
    ids=["flat", "missing", "noise", "short", "limbs flat", "wild", "three samples"],
)
def test_bad_signals_give_reasons_not_errors(signal_mv):
    check(measure(signal_mv, 100.0))


def test_two_seconds_of_a_real_rhythm_are_measured():
    simulated = simulate(5, generator=np.random.default_rng(2), sampling_rate_hz=500)
    for signal_mv in simulated.signal_mv:
        measured = check(measure(signal_mv[:, :1000], 500.0))
        assert "short" in measured.flags or measured.flags == ("no_beats",)


@pytest.mark.parametrize(
    ("signal_mv", "rate_hz"),
    [(NOISE[:11], 100.0), (NOISE[0], 100.0), (NOISE[:, :0], 100.0), (NOISE, 0.0), (NOISE, float("nan"))],
)
def test_what_is_no_recording_is_refused(signal_mv, rate_hz):
    with pytest.raises(InputError):
        measure(signal_mv, rate_hz)
