from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.waves import UNMARKED, WAVES, marked_mask, wave_mask, waves_from_mask, without_short_runs

NAN = float("nan")


def slow_mask(waves_s, n_samples, rate_hz):
    """Sample by sample, QRS over P over T."""
    mask = np.zeros(n_samples, dtype=np.uint8)
    for sample in range(n_samples):
        for wave in ("t", "p", "qrs"):
            for marks in waves_s.get(wave, []):
                known = [round(mark * rate_hz, 6) for mark in marks if not np.isnan(mark)]
                if known and min(known) <= sample < max(known):
                    mask[sample] = {"p": 1, "qrs": 2, "t": 3}[wave]
    return mask


@pytest.mark.parametrize("rate_hz", [100.0, 360.0, 500.0, 257.5])
def test_mask_equals_a_loop_over_samples(rate_hz):
    rng = np.random.default_rng(0)
    waves_s = {wave: np.sort(rng.uniform(-0.2, 3.2, (6, 3)), axis=1) for wave in WAVES}
    for times_s in waves_s.values():
        times_s[rng.random(times_s.shape) < 0.2] = np.nan
    n_samples = round(3 * rate_hz)
    np.testing.assert_array_equal(wave_mask(waves_s, n_samples, rate_hz), slow_mask(waves_s, n_samples, rate_hz))


def test_marks_on_the_grid_mean_their_own_samples():
    samples = np.arange(5000)
    for sample in samples[::7]:
        mask = wave_mask({"qrs": [[sample / 500, NAN, (sample + 20) / 500]]}, 6000, 500.0)
        assert np.flatnonzero(mask).tolist() == list(range(sample, sample + 20))


def test_missing_marks_shorten_a_wave_and_a_single_one_leaves_no_trace():
    assert wave_mask({"t": [[NAN, 0.02, 0.05]]}, 8, 100.0).tolist() == [0, 0, 3, 3, 3, 0, 0, 0]
    assert wave_mask({"p": [[0.03, 0.02, 0.05]]}, 8, 100.0).tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert wave_mask({"p": [[NAN, 0.02, NAN], [NAN, NAN, NAN]], "t": []}, 8, 100.0).max() == 0


def test_qrs_wins_over_p_and_p_over_t():
    waves_s = {"qrs": [[0.04, NAN, 0.06]], "p": [[0.02, NAN, 0.05]], "t": [[0.0, NAN, 0.1]]}
    assert wave_mask(waves_s, 8, 100.0).tolist() == [3, 3, 1, 1, 2, 2, 3, 3]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_a_mask_becomes_itself_again(values):
    mask = np.array([0, *values, 0], dtype=np.uint8)
    waves_s = waves_from_mask(mask, 500.0)
    np.testing.assert_array_equal(wave_mask(waves_s, len(mask), 500.0), mask)
    n_runs = sum(bool(this) and this != before for before, this in pairwise(mask))
    assert sum(map(len, waves_s.values())) == n_runs


def test_a_wave_cut_off_at_an_end_has_no_mark_there():
    waves_s = waves_from_mask([3, 3, 0, 2, 2, 0, 1], 100.0)
    np.testing.assert_array_equal(waves_s["t"], [[NAN, NAN, 0.02]])
    np.testing.assert_array_equal(waves_s["qrs"], [[0.03, NAN, 0.05]])
    np.testing.assert_array_equal(waves_s["p"], [[0.06, NAN, NAN]])


def test_masks_of_the_simulator_use_the_same_codes():
    ecg = simulate(3, generator=np.random.default_rng(2), sampling_rate_hz=500.0)
    for mask, r_s, row in zip(ecg.masks, ecg.r_peaks_s, ecg.table.itertuples(), strict=True):
        qrs_s = waves_from_mask(mask, 500.0)["qrs"]
        r_s = r_s[np.isfinite(r_s)]
        inside = (qrs_s[:, 0] < r_s[:, None]) & (r_s[:, None] < qrs_s[:, 2])
        assert (inside.sum(axis=1)[1:-1] == 1).all()
        if row.n_pvc == 0:
            np.testing.assert_allclose((qrs_s[:, 2] - qrs_s[:, 0])[1:-1], row.qrs_s, atol=0.0041)


def test_a_mask_without_samples_holds_no_wave():
    assert {wave: times_s.shape for wave, times_s in waves_from_mask([], 100.0).items()} == dict.fromkeys(WAVES, (0, 3))
    assert wave_mask({}, 0, 100.0).shape == (0,)


def test_an_unknown_wave_is_refused():
    with pytest.raises(InputError, match="U"):
        wave_mask({"U": [[0, 1, 2]]}, 10, 100.0)


def test_outside_the_annotated_span_nothing_is_known():
    waves_s = {"p": [[0.1, 0.15, 0.2]], "qrs": [[0.3, NAN, 0.4]]}
    mask = marked_mask(waves_s, (0.1, 0.35), 6, 10.0)
    np.testing.assert_array_equal(mask, [UNMARKED, 1, 0, 2, UNMARKED, UNMARKED])


def test_a_span_beyond_the_mask_ends_with_it():
    np.testing.assert_array_equal(marked_mask({}, (-1.0, 9.0), 3, 10.0), [0, 0, 0])


@pytest.mark.parametrize(
    ("mask", "cleaned"),
    [
        ([0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]),
        ([0, 0, 0, 1, 2, 2], [0, 0, 0, 0, 2, 2]),
        ([3, 0, 0, 2, 2, 2, 1], [0, 0, 0, 2, 2, 2, 2]),
        ([1, 1, 3, 1, 1, 1], [1, 1, 1, 1, 1, 1]),
        ([2], [2]),
        ([1, 2], [1, 2]),
    ],
)
def test_short_runs_go_to_the_longer_neighbour(mask, cleaned):
    shortest = 1 if mask == [1, 2] else 2
    np.testing.assert_array_equal(without_short_runs(mask, shortest), cleaned)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 8))
def test_no_run_is_short_afterwards_and_long_ones_stay(mask, shortest):
    cleaned = without_short_runs(mask, shortest)
    lengths = [len(run) for run in np.split(cleaned, np.flatnonzero(np.diff(cleaned)) + 1)]
    assert len(lengths) == 1 or min(lengths) >= shortest
    assert set(cleaned.tolist()) <= set(mask)
    np.testing.assert_array_equal(without_short_runs(cleaned, shortest), cleaned)
