from __future__ import annotations

import shutil

import numpy as np
import pytest

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation import beat_table
from ssrl_ecg.evaluation.beat_table import find_beats, stored_beats
from ssrl_ecg.signals.beat_features import describe_beats


@pytest.fixture
def store(synthetic_store, tmp_path):
    shutil.copytree(synthetic_store.path, tmp_path / "store")
    return RecordStore.open(tmp_path / "store")


def test_the_beats_of_each_record_are_those_described_one_by_one(store):
    table = find_beats(store, n_jobs=1)
    assert len(table.offsets) == len(store) + 1
    peaks, features = table.per_record(table.r_peaks_s), table.per_record(table.features)
    for row in (0, 63, 64, len(store) - 1):
        expected = describe_beats(store.read_mv(row)[0], store.facts.sampling_rate_hz)
        np.testing.assert_array_equal(peaks[row], expected.r_peaks_s)
        np.testing.assert_array_equal(features[row], expected.features.astype(np.float32))
    chosen = table.rows_of(np.array([5, 2]))
    np.testing.assert_array_equal(table.r_peaks_s[chosen], np.concatenate([peaks[5], peaks[2]]))


def test_processes_do_not_change_the_beats(store):
    alone, shared = find_beats(store, n_jobs=1), find_beats(store, n_jobs=2)
    for name in ("r_peaks_s", "features", "offsets"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(shared, name))


def test_beats_are_found_once_and_kept_beside_the_signals(store, monkeypatch):
    first = stored_beats(store)
    with np.load(store.path / "rpeaks.npz", allow_pickle=False) as saved:
        assert set(saved.files) == {"r_peaks_s", "features", "offsets", "made_from"}
    monkeypatch.setattr(beat_table, "find_beats", None)
    again = stored_beats(RecordStore.open(store.path))
    np.testing.assert_array_equal(first.r_peaks_s, again.r_peaks_s)
    np.testing.assert_array_equal(first.offsets, again.offsets)
