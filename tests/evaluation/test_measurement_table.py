"""Tables of many recordings: the same numbers as one by one, in order, whatever the processes and the bad files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.recording import FileReader, RecordingFiles
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.measurement_table import measure_records
from ssrl_ecg.signals.measurements import MEASUREMENTS, measure


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return PTBXL(write_synthetic_ptbxl(tmp_path_factory.mktemp("measured") / "cohort", 90, seed=4), 100)


def test_a_table_holds_what_measure_says_of_each_record(source):
    table = measure_records(source, [5, 2, 7], n_jobs=1)
    records = source.records()
    assert table.values.index.tolist() == records["record_id"].iloc[[5, 2, 7]].tolist()
    assert table.values.columns.tolist() == list(MEASUREMENTS)
    for record in records.iloc[[5, 2, 7]].itertuples(index=False):
        measured = measure(source.read(record).signal_mv, 100.0)
        np.testing.assert_array_equal(table.values.loc[record.record_id], list(measured.values.values()))
        assert table.flags[record.record_id] == " ".join(measured.flags)
        missing = table.missing[table.missing["record_id"] == record.record_id]
        assert dict(zip(missing["measurement"], missing["reason"], strict=True)) == measured.reasons


def test_stores_and_processes_do_not_change_the_table(source, tmp_path):
    alone = measure_records(source, n_jobs=1)
    shared = measure_records(build_store(source, tmp_path / "store").store, n_jobs=2)
    assert len(alone.values) == 90
    pd.testing.assert_frame_equal(alone.values, shared.values, rtol=1e-6)  # both are whole microvolts in float32
    pd.testing.assert_series_equal(alone.flags, shared.flags)
    pd.testing.assert_frame_equal(alone.missing, shared.missing)


def test_bad_files_are_listed_and_the_rest_goes_on(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "good.npy", 0.2 * rng.normal(size=(12, 1000)))
    np.save(tmp_path / "few.npy", rng.normal(size=(3, 1000)))
    (tmp_path / "text.csv").write_text("not,an,ecg\n1,2,3\n")
    paths = [tmp_path / name for name in ("few.npy", "good.npy", "gone.npy", "text.csv")]
    table = measure_records(RecordingFiles(paths, FileReader(file_rate_hz=100)), n_jobs=1)
    assert table.values.index.tolist() == [str(paths[1])]
    assert table.rejected["path"].tolist() == [str(path) for path in (paths[0], paths[2], paths[3])]
    assert "array does not fit" in table.rejected["reason"][0]
    assert table.rejected["reason"][1] == "file is missing"


def test_nothing_to_measure_is_an_empty_table(source):
    table = measure_records(source, [], n_jobs=1)
    assert table.values.shape == (0, len(MEASUREMENTS))
    assert table.rejected.empty


def test_relative_paths_are_those_of_the_caller_though_processes_are_kept(source, tmp_path, monkeypatch):
    measure_records(source, n_jobs=2)
    monkeypatch.chdir(tmp_path)
    write_synthetic_ptbxl("cohort", 70, seed=4)
    assert len(measure_records(PTBXL("cohort", 100), n_jobs=2).values) == 70
