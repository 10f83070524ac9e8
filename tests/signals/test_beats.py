from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.beats import best_shift, gather_beats, unit_vectors

RATE_HZ = 250.0


@pytest.fixture
def two_shapes():
    """Three leads with a narrow complex every second, every fourth one wide; (leads, R positions, which are wide)."""
    rng, time = np.random.default_rng(0), np.arange(5000)
    leads, at = rng.normal(scale=0.01, size=(3, 5000)), np.arange(150, 4900, 250)
    wide = np.arange(len(at)) % 4 == 2
    for position, is_wide in zip(at, wide, strict=True):
        size, sd, shift = ([-0.5, 1.0, 0.8], 14.0, 4) if is_wide else ([1.0, -0.4, 0.5], 5.0, 0)
        leads += np.array(size)[:, None] * np.exp(-(((time - position - shift) / sd) ** 2) / 2)
    return leads.astype(np.float32), at, wide


def test_shapes_are_told_apart_and_their_averages_are_means_of_their_windows(two_shapes):
    leads, at, wide = two_shapes
    beats = gather_beats(leads, at, RATE_HZ)
    np.testing.assert_array_equal(beats.shape, wide.astype(int))
    middle = slice(beats.origin - 20, beats.origin + 20)
    for shape in (0, 1):
        own = [leads[:, r - 20 : r + 20] for r in beats.r[beats.shape == shape]]
        np.testing.assert_allclose(beats.averages[:, shape, middle], np.mean(own, axis=0), atol=1e-5)
        assert (beats.seen[shape, middle] == len(own)).all()


def test_jittered_beats_are_brought_into_line(two_shapes):
    leads, at, _ = two_shapes
    jitter = np.random.default_rng(1).integers(-3, 4, len(at))
    aligned = gather_beats(leads, at + jitter, RATE_HZ).r
    assert np.ptp((aligned - at)[np.arange(len(at)) % 4 != 2]) <= 1


def test_neighbouring_complexes_stay_out_of_an_average(two_shapes):
    leads, at, _ = two_shapes
    beats = gather_beats(leads, at, RATE_HZ)
    assert beats.seen[0, -1] == 0 or np.abs(beats.averages[:, 0, -1]).max() < 0.1
    late = beats.origin + 240
    assert (beats.seen[:, late:] <= 1).all()


def test_best_shift_agrees_with_corrcoef():
    rng, largest = np.random.default_rng(2), 4
    windows = rng.normal(size=(2, 6, 30 + 2 * largest)).astype(np.float32)
    patterns = unit_vectors(rng.normal(size=(2, 6, 30)).astype(np.float32))
    shift, correlation = best_shift(windows, patterns, largest)
    for beat in range(6):
        fits = [float(unit_vectors(windows[:, [beat], k : k + 30])[0] @ patterns[beat]) for k in range(2 * largest + 1)]
        assert shift[beat] == np.argmax(fits) - largest
        assert correlation[beat] == pytest.approx(max(fits), abs=1e-5)


def test_one_beat_and_beats_cut_by_the_ends_are_kept(two_shapes):
    leads, at, _ = two_shapes
    assert gather_beats(leads, at[:1], RATE_HZ).averages.shape[1] == 1
    beats = gather_beats(leads[:, 145:4652], at - 145, RATE_HZ)
    assert len(beats.r) == len(at)
    assert beats.r[0] == 5
