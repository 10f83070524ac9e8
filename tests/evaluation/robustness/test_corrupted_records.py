"""Corrupted records: clean ones are those of the store, and every order of asking gives the same samples."""

import pickle

import numpy as np
import pytest

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.evaluation.measurement_table import measure_records
from ssrl_ecg.evaluation.robustness.corrupted_records import TestRecords
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, Corruption

ROWS = np.array([3, 7, 8, 20])
SWAP, NOISE = Corruption("lead-swap", "LA-RA"), Corruption("nstdb-em", 6.0)


@pytest.fixture
def test_records(synthetic_store):
    noise_mv = np.random.default_rng(0).normal(0, 0.2, (2, 360 * 15)).astype(np.float32)
    return TestRecords(synthetic_store, ROWS, 42, {"em": SignalFile(noise_mv, 360.0, ("a", "b"))})


def test_without_corruption_they_are_the_store_s(test_records, synthetic_store):
    clean = test_records.corrupted(CLEAN)
    assert len(clean) == len(ROWS)
    assert clean.read_mv(np.arange(4)).tobytes() == synthetic_store.read_mv(ROWS).tobytes()
    assert clean.records["record_id"].tolist() == synthetic_store.records["record_id"].iloc[ROWS].tolist()


def test_a_record_is_corrupted_the_same_in_any_company_and_order(test_records, synthetic_store):
    whole = test_records.corrupted(NOISE)
    fewer = TestRecords(synthetic_store, ROWS[[2, 0]], 42, test_records.noises)
    fewer.corrupted(SWAP)
    assert fewer.corrupted(NOISE).signals_uv.tobytes() == whole.signals_uv[[2, 0]].tobytes()
    assert whole.sha256() == TestRecords(synthetic_store, ROWS, 42, test_records.noises).corrupted(NOISE).sha256()
    assert whole.sha256() != TestRecords(synthetic_store, ROWS, 43, test_records.noises).corrupted(NOISE).sha256()


def test_another_process_sees_the_corrupted_samples(test_records):
    corrupted = test_records.corrupted(NOISE)
    again = pickle.loads(pickle.dumps(corrupted))
    assert again.sha256() == corrupted.sha256()
    assert again.read_mv(np.arange(4)).tobytes() == corrupted.read_mv(np.arange(4)).tobytes()


def test_measurements_are_of_the_corrupted_signals(test_records):
    silent = Corruption("missing-leads", "I")
    table = test_records.measured(silent)
    assert table.equals(measure_records(test_records.corrupted(silent), n_jobs=1).values)
    clean = test_records.measured(CLEAN)
    assert clean.notna().sum().sum() > table.notna().sum().sum()


def test_what_samples_depend_on_is_in_their_settings(test_records, synthetic_store):
    other_noise = {"em": SignalFile(test_records.noises["em"].signal_mv * 2, 360.0, ("a", "b"))}
    others = [
        TestRecords(synthetic_store, ROWS[:3], 42, test_records.noises),
        TestRecords(synthetic_store, ROWS, 43, test_records.noises),
        TestRecords(synthetic_store, ROWS, 42, other_noise),
    ]
    found = [str([list(part) if isinstance(part, np.ndarray) else part for part in one.settings(NOISE)])
             for one in [test_records, *others]]  # fmt: skip
    assert len({*found}) == 4
