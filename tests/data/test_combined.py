from __future__ import annotations

import pickle

import numpy as np
import pytest

from ssrl_ecg.data.batches import BatchDataset
from ssrl_ecg.data.combined import CombinedStore
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.source import Layout
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError

CODES = ["{'NORM': 100.0}", "{'IMI': 50.0, 'SR': 0.0}", "{'LVH': 0.0}", "{'NDT': 15.0}"]


@pytest.fixture
def stores(ptbxl_writer, memory_source, tmp_path):
    """PTB-XL trees of four and three records, and between them six records without its labels."""
    memory_source.recordings = [
        type(one)(np.tile(one.signal_mv, 10), one.sampling_rate_hz, one.leads) for one in memory_source.recordings
    ]
    memory_source.expected = Layout(100.0, 1000)
    ptbxl_writer(tmp_path / "a", CODES)
    ptbxl_writer(tmp_path / "b", CODES[1:])
    one, other = (build_store(PTBXL(tmp_path / name), tmp_path / f"store-{name}").store for name in "ab")
    return one, build_store(memory_source, tmp_path / "store-m").store, other


def test_rows_are_those_of_the_stores_one_after_the_other(stores):
    combined = CombinedStore.of(stores)
    assert len(combined) == 13
    whole = np.concatenate([store.read_mv(np.arange(len(store))) for store in stores])
    rows = np.array([12, 0, 5, 5, 3, 4, 9, 10])
    np.testing.assert_array_equal(combined.read_mv(rows), whole[rows])
    parts = [(part.path, own.tolist()) for part, own in combined.by_source(rows)]
    assert parts == [(stores[0].path, [0, 3]), (stores[1].path, [1, 1, 0, 5]), (stores[2].path, [2, 0])]
    for bad in ([13], [-1], [0.5]):
        with pytest.raises(IndexError):
            combined.read_mv(bad)
    again = pickle.loads(pickle.dumps(combined))
    np.testing.assert_array_equal(again.read_mv(rows), whole[rows])


def test_records_and_patients_of_two_stores_are_never_the_same(stores):
    combined = CombinedStore.of(stores)
    assert combined.records["record_id"].is_unique
    assert combined.records["source"].unique().tolist() == ["ptbxl1", "memory", "ptbxl2"]
    expected = [store.records["patient_id"].nunique() for store in stores]
    assert combined.records["patient_id"].nunique() == sum(expected)
    batch = BatchDataset(combined, np.arange(13))[[0, 10]]
    assert batch.patients[0] != batch.patients[1]


def test_labels_are_the_firsts_and_of_others_where_they_have_them(stores):
    labels = CombinedStore.of(stores).labels("super")
    assert labels.known.tolist() == [True] * 4 + [False] * 6 + [True] * 3
    np.testing.assert_array_equal(labels.values[labels.known][4:], stores[2].labels("super").values)
    with pytest.raises(InputError, match="unknown label set"):
        CombinedStore.of(stores).labels("parity")


def test_facts_change_with_any_store_and_one_store_stays_itself(stores):
    one, two, _ = stores
    assert CombinedStore.of([one]) is one
    combined = CombinedStore.of(stores)
    assert (combined.facts.n_records, combined.facts.n_samples) == (13, 1000)
    fingerprints = {CombinedStore.of(parts).facts.fingerprint for parts in ([one, two], [two, one], stores)}
    assert len(fingerprints) == 3


def test_stores_of_other_lengths_are_refused(stores, memory_source, tmp_path):
    memory_source.recordings = [
        type(one)(one.signal_mv[:, :700], one.sampling_rate_hz, one.leads) for one in memory_source.recordings
    ]
    memory_source.expected = Layout(100.0, 700)
    short = build_store(memory_source, tmp_path / "short").store
    with pytest.raises(InputError, match=r"short.*n_samples.*expected 1000 samples, found 700"):
        CombinedStore.of([stores[0], short])
