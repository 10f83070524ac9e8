"""The median beat against a plain loop over beats, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssrl_ecg.signals.representative_beat import QRS_ONSET, representative_beat


def test_it_is_the_median_of_beats_above_their_level_by_a_slow_loop(clean, truth):
    delineation = truth(clean, 2)
    signal_mv = clean.signal_mv[2].astype(float)
    beat = representative_beat(signal_mv, 500.0, delineation)
    assert beat.rate_hz == 500.0
    n_samples = beat.signal_mv.shape[1]
    cuts = []
    for one in beat.beats:
        first = round((delineation.overall_s[one, 4] + beat.start_s) * 500)
        onset = round(delineation.overall_s[one, QRS_ONSET] * 500)
        level = signal_mv[:, onset - 12 : onset - 1].mean(axis=1)
        cuts.append(signal_mv[:, first : first + n_samples] - level[:, None])
    # Without wander the level hardly changes from beat to beat; the slope between levels makes microvolts.
    np.testing.assert_allclose(beat.signal_mv, np.median(cuts, axis=0), atol=0.01)


def test_straight_baselines_change_nothing(clean, truth):
    signal_mv = clean.signal_mv[2].astype(float)
    time_s = np.arange(signal_mv.shape[1]) / 500
    tilted = signal_mv + 0.5 - 0.2 * time_s
    plain, other = (representative_beat(one, 500.0, truth(clean, 2)).signal_mv for one in (signal_mv, tilted))
    np.testing.assert_allclose(other, plain, atol=1e-4)


def test_slow_wander_is_followed(clean, truth):
    """A wander of 0.5 mV at 0.2 Hz leaves a few hundredths: between levels it is bent, the lines are not."""
    signal_mv = clean.signal_mv[2].astype(float)
    wander = 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(signal_mv.shape[1]) / 500)
    plain, other = (
        representative_beat(one, 500.0, truth(clean, 2)).signal_mv for one in (signal_mv, signal_mv + wander)
    )
    assert np.abs(other - plain).max() < 0.06


def test_ectopic_and_cut_beats_are_left_out_unless_there_is_nothing_else(clean, truth):
    delineation = truth(clean, 2)
    n_beats = len(delineation.overall_s)
    ectopic = np.zeros(n_beats, dtype=bool)
    ectopic[3] = True
    assert 3 not in representative_beat(clean.signal_mv[2], 500.0, replace(delineation, ectopic=ectopic)).beats
    every = replace(delineation, ectopic=np.ones(n_beats, dtype=bool))
    assert len(representative_beat(clean.signal_mv[2], 500.0, every).beats) >= n_beats - 2


def test_one_cut_beat_is_nan_where_nothing_was_recorded(clean, truth):
    delineation = truth(clean, 2)
    beat = 4
    end_s = delineation.overall_s[beat, 5] + 0.05
    alone = replace(
        delineation, duration_s=end_s, **{
            name: getattr(delineation, name)[..., beat : beat + 1, :] for name in ("leads_s", "overall_s")
        }, paced=np.zeros(1, dtype=bool), ectopic=np.zeros(1, dtype=bool),
    )  # fmt: skip
    found = representative_beat(clean.signal_mv[2][:, : round(end_s * 500)], 500.0, alone)
    is_known = np.isfinite(found.signal_mv[0])
    assert is_known[: found.sample(0.05)].all()
    assert not is_known[-1]
    assert np.isnan(found.noise_mv).all()


def test_samples_are_interpolated_where_the_rate_is_low(clean, truth):
    """Every fifth sample of the 500 Hz signal, which is band-limited well below 50 Hz, gives the same beat."""
    delineation = truth(clean, 2)
    fine = representative_beat(clean.signal_mv[2], 500.0, delineation)
    coarse = representative_beat(clean.signal_mv[2][:, ::5], 100.0, delineation)
    assert coarse.rate_hz == 500.0
    inner = slice(0, min(fine.signal_mv.shape[1], coarse.signal_mv.shape[1]))
    assert np.abs(fine.signal_mv[:, inner] - coarse.signal_mv[:, inner]).max() < 0.03 * np.ptp(fine.signal_mv)


def test_missing_samples_are_bridged_and_missing_leads_stay_missing(clean, truth):
    delineation = truth(clean, 2)
    signal_mv = clean.signal_mv[2].astype(float)
    signal_mv[6] = np.nan
    signal_mv[7, 1000:1004] = np.nan
    found = representative_beat(signal_mv, 500.0, delineation)
    assert np.isnan(found.signal_mv[6]).all()
    assert np.isfinite(np.delete(found.signal_mv, 6, axis=0)).all()
