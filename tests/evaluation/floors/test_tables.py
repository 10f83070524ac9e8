"""The measurements of a store are made once per version; age, sex and the scale of linear models."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.floors import tables
from ssrl_ecg.evaluation.floors.tables import age_and_sex, measured, standardised
from ssrl_ecg.evaluation.measurement_table import MeasurementTable


@pytest.fixture
def store(synthetic_store, tmp_path):
    shutil.copytree(synthetic_store.path, tmp_path / "store", ignore=shutil.ignore_patterns("measurements.npz"))
    return RecordStore.open(tmp_path / "store")


@pytest.fixture
def measurings(monkeypatch):
    """Stand in for measuring, and count."""
    made = []

    def measure_records(store, rows=None, *, n_jobs):
        values = np.random.default_rng(len(made)).normal(size=(len(store), 3))
        values[0, 1] = np.nan
        made.append(values)
        index = pd.Index(store.records["record_id"], name="record_id")
        empty = pd.DataFrame()
        return MeasurementTable(
            pd.DataFrame(values, index, ["pr_ms", "qrs_ms", "t_mv_V5"]), pd.Series(dtype=object), empty, empty
        )

    monkeypatch.setattr(tables, "measure_records", measure_records)
    return made


def test_a_store_is_measured_once(store, measurings):
    first, again = measured(store), measured(RecordStore.open(store.path))
    assert len(measurings) == 1
    assert np.array_equal(first.to_numpy(), measurings[0], equal_nan=True)
    pd.testing.assert_frame_equal(first, again)
    assert list(again) == ["pr_ms", "qrs_ms", "t_mv_V5"]


def test_ages_over_89_are_one_age(store):
    age, sex = np.full(len(store), 50.0), np.arange(len(store)) % 2
    age[:3] = [300, 89, np.nan]
    store.records["age"], store.records["sex"] = age, sex
    table = age_and_sex(store)
    assert table["age_years"].to_numpy()[:3] == pytest.approx([90, 89, np.nan], nan_ok=True)
    assert np.array_equal(table["sex"].to_numpy(), sex)
    store.records.drop(columns="sex", inplace=True)
    with pytest.raises(InputError, match="sex"):
        age_and_sex(store)


def test_standardised_column_by_column():
    first = np.array([1.0, 3.0, 8.0])
    columns = [*first, 90], [np.nan, 4, 6, 7], [5, 5, 5, 9], [np.nan, np.nan, np.nan, 1]
    features = np.array(columns, dtype=float).T
    training = np.array([0, 1, 2])
    result = standardised(features, training)
    assert result.shape == (4, 6)
    assert result[:3, 0] == pytest.approx((first - first.mean()) / first.std())
    assert result[3, 0] == 3, "cut at three standard deviations"
    filled = np.array([5.0, 4.0, 6.0])
    assert result[:3, 1] == pytest.approx((filled - 5) / filled.std())
    assert (result[:, 2] == 0).all(), "a column that does not vary among the training records"
    assert (result[:, 3] == 0).all(), "a column without a value among them"
    gap = np.array([1.0, 0.0, 0.0])
    assert result[:3, 4] == pytest.approx((gap - gap.mean()) / gap.std())
    assert result[3, 4] == result[1, 4]


def test_scales_come_from_training_records_alone():
    features = np.random.default_rng(0).normal(size=(30, 4))
    features[::7, 2] = np.nan
    changed = features.copy()
    changed[20:] += 100
    training = np.arange(20)
    assert np.array_equal(standardised(features, training)[:20], standardised(changed, training)[:20])
