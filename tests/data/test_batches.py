from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from ssrl_ecg.data.batches import BatchDataset
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError


@pytest.fixture
def store(memory_source, tmp_path):
    return build_store(memory_source, tmp_path / "store").store


def test_a_list_of_positions_is_one_batch(store, signals_mv):
    rows = [5, 1, 3, 2]
    batch = BatchDataset(store, rows, store.labels("parity"))[[2, 0, 3]]
    assert (batch.signal_mv.dtype, batch.rows.dtype, batch.patients.dtype) == (torch.float32, torch.int64, torch.int64)
    assert batch.rows.tolist() == [3, 5, 2]
    np.testing.assert_array_equal(batch.signal_mv.numpy(), signals_mv[[3, 5, 2]].astype(np.float32))
    assert batch.labels.tolist() == [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    assert len(batch) == 3


def test_patients_are_equal_where_the_patient_is(store):
    patients = BatchDataset(store, range(6))[[0, 1, 2, 3, 4, 5]].patients
    ids = store.records["patient_id"].to_numpy()
    np.testing.assert_array_equal(patients[:, None] == patients, ids[:, None] == ids)
    np.testing.assert_array_equal(BatchDataset(store, [4, 2])[[1, 0]].patients, patients[[2, 4]])


def test_works_in_a_loader_without_labels(store):
    dataset = BatchDataset(store, range(6))
    loader = DataLoader(dataset, batch_size=None, sampler=BatchSampler(SequentialSampler(dataset), 4, drop_last=False))
    batches = list(loader)
    assert [len(batch) for batch in batches] == [4, 2]
    assert batches[0].labels is None
    assert batches[0].to("meta").signal_mv.device.type == "meta"


def test_to_moves_every_tensor(store):
    batch = BatchDataset(store, [1, 2], store.labels("parity"))[[0, 1]].to("meta")
    assert {getattr(batch, field.name).device.type for field in dataclasses.fields(batch)} == {"meta"}


def test_records_without_a_known_label_are_refused(store):
    with pytest.raises(InputError, match=r"without a known label .*found 1"):
        BatchDataset(store, range(6), store.labels("parity"))


def test_labels_of_another_store_are_refused(store):
    with pytest.raises(InputError, match="labels are of another store"):
        BatchDataset(store, [1], store.labels("parity").take([1, 2]))
