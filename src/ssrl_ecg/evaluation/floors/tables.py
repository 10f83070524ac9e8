"""What the floors know of every record: its measurements, made once per store, and if asked for age and sex."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.kept_beside import kept_beside
from ssrl_ecg.evaluation.measurement_table import measure_records

_OLDEST_KNOWN_YEARS = 90.0
_FARTHEST_SD = 3.0


def measured(store: RecordStore) -> pd.DataFrame:
    """Measurements of every record of a store, from ``measurements.npz`` in its folder if they are there.

    Returns:
        float64 (record, measurement), NaN where something could not be measured.
    """
    kept = kept_beside(store, "measurements", lambda: _measured_now(store))
    return pd.DataFrame(kept["values"], columns=kept["names"])


def _measured_now(store: RecordStore) -> dict[str, NDArray[Any]]:
    table = measure_records(store, n_jobs=-1).values
    return {"names": table.columns.to_numpy(str), "values": table.to_numpy(np.float64)}


def age_and_sex(store: RecordStore) -> pd.DataFrame:
    """Age in years and sex (as the source codes it) of every record, NaN where not known.

    PTB-XL gives patients of more than 89 years the age 300 (Wagner et al. 2020); whatever is above 90 becomes 90.

    Raises:
        InputError: the store's table has no such columns.
    """
    missing = [name for name in ("age", "sex") if name not in store.records]
    if missing:
        raise InputError(
            "this floor needs the age and sex of the patients", file=store.path, field=", ".join(missing),
            expected="columns of the records' table",
        )  # fmt: skip
    age, sex = (pd.to_numeric(store.records[name], errors="coerce") for name in ("age", "sex"))
    return pd.DataFrame({"age_years": age.clip(upper=_OLDEST_KNOWN_YEARS), "sex": sex})


def standardised(features: NDArray[np.floating[Any]], training_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standardise columns as ``standardised_with_gaps`` does, and fill the gaps.

    Missing values become the column's median and get a 0/1 column of their own, standardised too.

    Args:
        features: (record, feature), NaN where missing.
        training_rows: rows that medians, means and standard deviations come from.

    Returns:
        float64 (record, feature + features with gaps among the training records).
    """
    known = np.asarray(features, dtype=np.float64)
    gaps = np.isnan(known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value
        medians = np.nan_to_num(np.nanmedian(known[training_rows], axis=0))
    with_gaps = gaps[training_rows].any(axis=0)
    whole = np.concatenate([np.where(gaps, medians, known), gaps[:, with_gaps]], axis=1)
    return standardised_with_gaps(whole, training_rows)


def standardised_with_gaps(
    features: NDArray[np.floating[Any]], training_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Standardise columns with what the training records show, whether they are labelled or not.

    A column that never varies becomes 0. Values are cut at three standard deviations: a measurement that went wrong is
    far from all others.

    Args:
        features: (record, feature), NaN where missing.
        training_rows: rows that means and standard deviations come from, over the values that are there.

    Returns:
        float64 (record, feature), NaN where it was.
    """
    known = np.asarray(features, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value
        mean, deviation = np.nanmean(known[training_rows], axis=0), np.nanstd(known[training_rows], axis=0)
    varies = deviation > 1e-9 * np.maximum(1.0, np.abs(mean))
    scaled = np.where(varies | np.isnan(known), known - mean, 0.0) / np.where(varies, deviation, 1.0)
    return np.asarray(np.clip(scaled, -_FARTHEST_SD, _FARTHEST_SD))
