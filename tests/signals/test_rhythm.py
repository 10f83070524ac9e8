"""Intervals against the simulator's parameters, QT corrections against their formulas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.signals.measurements import measure
from ssrl_ecg.signals.rhythm import corrected_qt_ms, rhythm_measurements

ONE_SAMPLE_MS = 2.0


def test_intervals_are_the_parameters_that_placed_the_waves(clean, truth):
    """Both ends of an interval are read to a sample of the mask, so it may be off by one sample at 500 Hz."""
    n_with_p = 0
    for record, row in enumerate(clean.table.itertuples()):
        if row.n_pvc > 0:
            continue
        values = measure(clean.signal_mv[record], 500.0, truth(clean, record)).values
        assert values["qrs_ms"] == pytest.approx(1000 * row.qrs_s, abs=ONE_SAMPLE_MS)
        assert values["qt_ms"] == pytest.approx(1000 * row.qt_s, abs=ONE_SAMPLE_MS)
        assert values["jt_ms"] == pytest.approx(values["qt_ms"] - values["qrs_ms"], abs=ONE_SAMPLE_MS)
        assert values["heart_rate_bpm"] == pytest.approx(row.heart_rate_bpm)
        if np.isfinite(row.p_s) and row.n_pac == 0:
            n_with_p += 1
            assert values["p_ms"] == pytest.approx(1000 * row.p_s, abs=ONE_SAMPLE_MS)
            assert values["pr_ms"] == pytest.approx(1000 * row.pr_s, abs=ONE_SAMPLE_MS)
            assert values["p_present_percent"] >= 80  # the first P wave may lie before the record
    assert n_with_p > 15


def test_rr_statistics_by_a_slow_loop(clean, truth):
    delineation = truth(clean, 4)
    r_ms = [1000 * r_s for r_s in clean.r_peaks_s[4] if np.isfinite(r_s)]
    rr = [after - before for before, after in pairwise(r_ms)]
    steps = [after - before for before, after in pairwise(rr)]
    mean = sum(rr) / len(rr)
    values = rhythm_measurements(delineation)
    assert values["beats"] == len(r_ms)
    assert values["rr_mean_ms"] == pytest.approx(mean)
    assert values["rr_sd_ms"] == pytest.approx((sum((one - mean) ** 2 for one in rr) / (len(rr) - 1)) ** 0.5)
    assert values["rmssd_ms"] == pytest.approx((sum(step**2 for step in steps) / len(steps)) ** 0.5)
    assert values["rr_range_ms"] == pytest.approx(max(rr) - min(rr))
    assert values["rr_irregularity"] == pytest.approx(np.median(np.abs(steps)) / np.median(rr))


def test_fibrillation_is_irregular_and_sinus_rhythm_is_not(truth):
    simulated = simulate(300, generator=np.random.default_rng(0), sampling_rate_hz=100, noise=0.0)
    irregular = np.array([rhythm_measurements(truth(simulated, k))["rr_irregularity"] for k in range(300)])
    fibrillates = (simulated.table["rhythm"] == "AFIB").to_numpy()
    plain = ~fibrillates & (simulated.table["n_pvc"] + simulated.table["n_pac"] == 0).to_numpy()
    assert np.median(irregular[fibrillates]) > 0.1
    assert np.quantile(irregular[plain], 0.98) < 0.1  # a few breathe with sinus arrhythmia


def test_ventricular_beats_are_counted_and_left_out_of_the_intervals(truth):
    simulated = simulate(300, generator=np.random.default_rng(1), sampling_rate_hz=500, noise=0.0)
    narrow = (simulated.table["qrs_s"] < 0.11) & (simulated.table["n_pvc"] >= 2)
    for record in np.flatnonzero(narrow)[:5]:
        delineation = truth(simulated, record)
        values = measure(simulated.signal_mv[record], 500.0, delineation).values
        row = simulated.table.iloc[record]
        n_seen = np.isfinite(delineation.overall_s[:, 3]).sum()
        assert values["ectopic_percent"] == pytest.approx(100 * row["n_pvc"] / values["beats"], abs=100 / n_seen)
        assert values["qrs_ms"] == pytest.approx(1000 * row["qrs_s"], abs=ONE_SAMPLE_MS)


def test_corrections_agree_at_60_per_minute_and_follow_their_formulas():
    assert set(corrected_qt_ms(400.0, 1.0).values()) == {400.0}
    assert corrected_qt_ms(400.0, 0.64)["qtc_bazett_ms"] == pytest.approx(500.0)
    assert corrected_qt_ms(400.0, 0.512)["qtc_fridericia_ms"] == pytest.approx(500.0)
    assert corrected_qt_ms(400.0, 0.5)["qtc_framingham_ms"] == pytest.approx(477.0)
    assert np.isnan(list(corrected_qt_ms(400.0, np.nan).values())).all()
