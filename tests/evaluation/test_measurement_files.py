"""Written tables read back, and what lies beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.measurement_files import check_target, read_measurements, write_measurements
from ssrl_ecg.evaluation.measurement_table import MeasurementTable


@pytest.fixture
def table():
    index = pd.Index(["007", "b"], name="record_id", dtype=object)
    return MeasurementTable(
        values=pd.DataFrame({"pr_ms": [160.123456, np.nan], "r_mv_V5": [1.5, -0.25]}, index),
        flags=pd.Series(["", "paced short"], index, name="flags"),
        missing=pd.DataFrame([("b", "pr_ms", "no P waves")], columns=["record_id", "measurement", "reason"]),
        rejected=pd.DataFrame([("c", "c.npy", "file is missing")], columns=["record_id", "path", "reason"]),
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_both_formats_read_back(table, tmp_path, suffix):
    path = tmp_path / "deep" / f"table{suffix}"
    write_measurements(table, path)
    read = read_measurements(path)
    assert read.columns.tolist() == ["flags", "pr_ms", "r_mv_V5"]
    assert read.index.tolist() == ["007", "b"]
    np.testing.assert_array_equal(read["pr_ms"], [160.1235, np.nan])
    np.testing.assert_array_equal(read["r_mv_V5"], [1.5, -0.25])
    assert read["flags"].fillna("").tolist() == ["", "paced short"]
    assert pd.read_csv(path.with_name("table.missing.csv")).equals(table.missing)
    assert pd.read_csv(path.with_name("table.rejected.csv")).equals(table.rejected)


def test_other_suffixes_are_refused_before_anything_is_written(table, tmp_path):
    with pytest.raises(InputError, match="unknown kind of table"):
        write_measurements(table, tmp_path / "table.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_its_package_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"ssrl-ecg\[parquet\]"):
        check_target(tmp_path / "table.parquet")
    check_target(tmp_path / "table.csv")


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name in ("a.csv", "gone.csv", "gone.parquet"):
        with pytest.raises(InputError, match="table of measurements cannot be read"):
            read_measurements(tmp_path / name)
