"""A table of measurements as files: CSV or Parquet, and beside it what is missing and what was left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.measurement_table import MeasurementTable
from ssrl_ecg.files import atomic_path

SUFFIXES = (".csv", ".parquet")

_DECIMALS = 4


def check_target(path: Path) -> None:
    """Refuse, before hours of work, a file that could not be written afterwards.

    Raises:
        InputError: the suffix is none of ``SUFFIXES``, or Parquet is asked for and its package is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise InputError("unknown kind of table", file=path, expected=" or ".join(SUFFIXES), found=path.suffix)
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise InputError("Parquet needs the extra packages of pip install 'ssrl-ecg[parquet]'", file=path)


def write_measurements(table: MeasurementTable, path: Path) -> None:
    """Write a table; each file whole or not at all.

    ``NAME.csv`` or ``NAME.parquet`` has a row per record: ``record_id``, ``flags`` and all measurements, whose names
    end in their unit, rounded to 4 decimals. Beside it, ``NAME.missing.csv`` has a row per missing value with its
    reason, and ``NAME.rejected.csv`` a row per record that could not be read.

    Raises:
        InputError: see ``check_target``.
        OSError: the file system refused.
    """
    check_target(path)
    rows = table.values.round(_DECIMALS)
    rows.insert(0, "flags", table.flags)
    with atomic_path(path) as temporary:
        if path.suffix == ".csv":
            rows.to_csv(temporary)
        else:
            rows.to_parquet(temporary)
    for name, frame in (("missing", table.missing), ("rejected", table.rejected)):
        with atomic_path(beside(path, name)) as temporary:
            frame.to_csv(temporary, index=False)


def beside(path: Path, name: str) -> Path:
    """Return where the ``missing`` or the ``rejected`` list of a table lies."""
    return path.with_name(f"{path.stem}.{name}.csv")


def read_measurements(path: Path) -> pd.DataFrame:
    """Read what ``write_measurements`` wrote: index ``record_id``, ``flags``, then the measurements.

    Raises:
        InputError: the file is missing or no such table.
    """
    try:
        if path.suffix == ".csv":
            return pd.read_csv(
                path, index_col="record_id", dtype={"record_id": str, "flags": str}, keep_default_na=True
            )
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"table of measurements cannot be read: {error}", file=path) from error
