"""Splits that others have published as lists of records: one CSV file of ids for each part, as MERL's benchmark has.

A list is a CSV file with a header. Its column ``record_id``, or else ``ecg_id`` (PTB-XL's own name, which MERL's lists
have), names the records; a file of one column needs no particular name. Other columns are not read. Records of the
store that no list names take no part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ssrl_ecg.data.splits import Rows, Split, assert_patients_disjoint
from ssrl_ecg.errors import InputError

_ID_COLUMNS = ("record_id", "ecg_id")


def split_by_lists(records: pd.DataFrame, train: Path, validation: Path | None, test: Path) -> Split:
    """Split a table of records by lists of ids.

    Args:
        records: the table, with columns ``record_id`` and ``patient_id``; row numbers in the result are positions in
            it.
        train: list of the training part.
        validation: list of the validation part; None makes it empty.
        test: list of the test part.

    Raises:
        InputError: a list that cannot be read or names no record, a record that the table lacks, that is named twice,
            or a patient in two parts.
    """
    row_of = {record: row for row, record in enumerate(records["record_id"])}
    listed = {"train": train, "validation": validation, "test": test}
    split = Split(**{part: _rows(path, row_of) for part, path in listed.items()})
    assert_patients_disjoint(records, split)
    return split


def read_ids(path: Path) -> list[str]:
    """Read a list: record ids in the file's order.

    Raises:
        InputError: the file is missing, is no CSV table, has no column of ids, or names no record or one twice.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("list of records is missing", file=path) from None
    except (OSError, ValueError) as error:  # the parser's own errors are ValueErrors
        raise InputError(f"list of records cannot be read: {error}", file=path) from error
    named = [name for name in _ID_COLUMNS if name in table.columns]
    if not named and table.shape[1] != 1:
        found = ", ".join(map(str, table.columns))[:200]
        expected = " or ".join(_ID_COLUMNS)
        raise InputError("list of records lacks a column", file=path, field="header", expected=expected, found=found)
    ids = table[named[0] if named else table.columns[0]].str.strip()
    if ids.empty:
        raise InputError("list names no record", file=path, expected="at least 1", found=0)
    if ids.duplicated().any():
        raise InputError("a record is listed twice", file=path, field="id", found=ids[ids.duplicated()].iloc[0])
    return [str(one) for one in ids]


def _rows(path: Path | None, row_of: dict[str, int]) -> Rows:
    if path is None:
        return np.empty(0, dtype=np.int64)
    ids = read_ids(path)
    unknown = [one for one in ids if one not in row_of]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(ids)} listed records are not among the recordings",
            file=path,
            field="id",
            expected=f"ids such as {next(iter(row_of), 'none')}",
            found=unknown[0],
        )
    return np.sort(np.array([row_of[one] for one in ids], dtype=np.int64))
