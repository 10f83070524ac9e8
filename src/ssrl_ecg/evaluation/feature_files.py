"""Somebody's frozen embeddings: a NumPy array and a list of record ids, checked before a number is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.errors import InputError

MAX_DIMENSION = 16_384
"""Features per record; a larger array is refused before it is read."""

ID_COLUMN = "record_id"


def read_features(
    features: str | Path, ids: str | Path, records: NDArray[np.str_], needed: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Read embeddings and put them into the order of the records.

    Args:
        features: ``.npy`` file, float (record, feature), of any framework; never unpickled.
        ids: CSV file with a column ``record_id``, one row per row of the array, in its order.
        records: (n,) ids of all records of the data.
        needed: rows of ``records`` that must be there; others may be missing.

    Returns:
        float32 (n, feature); NaN for records that are not in the files.

    Raises:
        InputError: a file is missing or of another kind; another shape or type; values that are not finite; ids that
            are unknown, given twice, or not as many as rows; a needed record that is missing.
    """
    given = _read_ids(Path(ids), records)
    array = _open_array(Path(features), len(given), Path(ids))
    row_of = pd.Series(np.arange(len(records)), index=records)
    rows = row_of[given].to_numpy()
    missing = np.setdiff1d(needed, rows)
    if len(missing):
        raise InputError(
            f"{len(missing)} training or test records are missing, for example {records[missing[0]]}",
            file=ids,
            field=ID_COLUMN,
            expected=f"all {len(needed)} records of the benchmark",
            found=len(needed) - len(missing),
        )
    values = np.full((len(records), array.shape[1]), np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        values[rows] = array
    bad = np.flatnonzero(~np.isfinite(values[rows]).all(axis=1))
    if len(bad):
        raise InputError(
            "features are not finite in 32 bits",
            file=features,
            expected="no NaN and no infinity",
            found=f"{len(bad)} records, for example {given[bad[0]]}",
        )
    return values


def _read_ids(path: Path, records: NDArray[np.str_]) -> list[str]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from error
    except ValueError as error:
        raise InputError(f"is no CSV file: {str(error).strip()}", file=path) from error
    if ID_COLUMN not in table.columns:
        found = ", ".join(map(str, table.columns[:5]))
        raise InputError("a column is missing", file=path, field=ID_COLUMN, expected=ID_COLUMN, found=found)
    given = table[ID_COLUMN]
    unknown = given[~given.isin(records)]
    if len(unknown):
        raise InputError(
            f"{len(unknown)} ids are of no record of the data",
            file=path,
            field=ID_COLUMN,
            found=unknown.iloc[0] or "an empty id",
        )
    if given.duplicated().any():
        twice = given[given.duplicated()]
        raise InputError(f"{len(twice)} ids are given twice", file=path, field=ID_COLUMN, found=twice.iloc[0])
    return [str(one) for one in given]


def _open_array(path: Path, n_ids: int, ids: Path) -> NDArray[np.floating]:
    """Open the array without reading it; what does not fit is refused by its header alone."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from error
    except (ValueError, EOFError) as error:
        expected = "a .npy file of a float array; pickled objects are never read"
        raise InputError("is no NumPy array", file=path, expected=expected, found=error) from error
    if not isinstance(array, np.ndarray):
        raise InputError("is an archive of arrays", file=path, expected="a .npy file of one array", found="a .npz file")
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError("has another shape", file=path, expected="(record, feature)", found=array.shape)
    if array.dtype.kind != "f":
        raise InputError("has another type", file=path, expected="float16, float32 or float64", found=array.dtype)
    if array.shape[1] > MAX_DIMENSION:
        raise InputError(
            "is too large", file=path, field="features per record", expected=f"{MAX_DIMENSION} or less",
            found=array.shape[1],
        )  # fmt: skip
    if len(array) != n_ids:
        raise InputError("has not one row per id", file=path, expected=f"{n_ids} rows, as {ids.name}", found=len(array))
    return array
