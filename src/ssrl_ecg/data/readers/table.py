"""Tables of text, CSV and TSV: a column per lead, a row per sample, with or without a row of names.

Separators are comma, semicolon or tabulator. A unit in brackets after a lead's name (``II [uV]``) counts, and so does a
column of time whose unit is said (``time_s``, ``time [ms]``), which then must advance in equal steps.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, lead_name, mv_per_unit, remark
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

_SEPARATORS = "\t;,"
_CONTROL = bytes(set(range(32)) - {9, 10, 13})
_S_PER_UNIT = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}


def is_table(path: Path, head: bytes) -> bool:
    """Whether a file is text whose first line has several fields."""
    return head.translate(None, _CONTROL) == head and len(_first_line(head)) > 1


def read_table(path: Path, given: Given) -> Waveform:
    """Read the columns of leads.

    Raises:
        InputError: no column is a lead's and their number is not that of the leads given, a cell is no number, units
            of leads differ, or rows are missing in time.
    """
    check_size(path)
    with path.open("rb") as file:
        head = file.read(1 << 16)
    names = _first_line(head)
    has_names = not all(map(_is_number, names))
    columns = [number for number, name in enumerate(names) if lead_name(name)] if has_names else [*range(len(names))]
    if not has_names and len(names) != len(given.leads):
        raise InputError("columns have no names", expected=f"names, or {len(given.leads)} columns", found=len(names))
    if not columns:
        raise InputError("no samples under a lead's name", expected=", ".join(LEADS), found=", ".join(names)[:200])
    time = next((number for number, name in enumerate(names) if _s_per_unit(name)), None) if has_names else None
    table = _cells(path, _separator(head), has_names, [*columns, *([] if time is None else [time])], given)
    rate_hz = None if time is None else _rate_hz(table[time].to_numpy(), _s_per_unit(names[time]))
    signal = np.ascontiguousarray(table[columns].to_numpy(dtype=np.float32).T)
    leads = tuple(names[number] for number in columns) if has_names else None
    return Waveform(signal, rate_hz, leads, _unit(leads or ()))


def _cells(path: Path, separator: str, has_names: bool, columns: list[int], given: Given) -> pd.DataFrame:
    n_samples = given.n_samples(given.sampling_rate_hz)
    options: dict[str, Any] = {"sep": separator, "usecols": columns, "nrows": n_samples, "encoding": "utf-8-sig"}
    decimal = "," if separator == ";" else "."
    try:
        table = pd.read_csv(path, header=None, skiprows=int(has_names), decimal=decimal, low_memory=False, **options)
        numbers: pd.DataFrame = table.astype(np.float64)
    except (ValueError, TypeError) as error:  # the parser's own errors are ValueErrors
        raise InputError(f"table cannot be read: {error}") from error
    return numbers


def _first_line(head: bytes) -> list[str]:
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    fields = next(csv.reader([lines[0]], delimiter=_separator(head)), []) if lines else []
    return [field.strip() for field in fields]


def _separator(head: bytes) -> str:
    line = head.decode("utf-8-sig", errors="replace").partition("\n")[0]
    return max(_SEPARATORS, key=line.count)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _s_per_unit(name: str) -> float | None:
    """Return the unit of a column of time in s; None for other columns, and where none is said."""
    stem = name.lower().partition("[")[0].partition("(")[0].strip()
    said = remark(name) if stem in ("time", "t") else None
    if said is None and stem.startswith(("time_", "t_")):
        said = stem.partition("_")[2]
    return _S_PER_UNIT.get((said or "").lower())


def _rate_hz(time: NDArray[np.float64], s_per_unit: float | None) -> float:
    """Return samples per second of rows at these times, rounded to a millionth.

    Raises:
        InputError: time does not advance in equal steps; half a step, of rounded times, is let pass.
    """
    step = (time[-1] - time[0]) / (len(time) - 1) if len(time) > 1 else 0.0
    is_even = np.abs(np.diff(time) - step) < 0.5 * step
    if not (step > 0 and is_even.all()):
        found = f"after data row {int(np.argmin(is_even)) + 1}" if len(is_even) else "one row"
        raise InputError("rows are not equally spaced in time: samples are missing", field="time", found=found)
    return round(float(1 / (step * (s_per_unit or 1.0))), 6)


def _unit(leads: tuple[str, ...]) -> str | None:
    """Return the unit in the brackets after names of leads, if they all have the same."""
    units = {remark(name) for name in leads}
    if len(units) > 1:
        raise InputError("leads differ in their unit", found=", ".join(sorted(map(str, units)))[:200])
    unit = units.pop() if units else None
    if unit is not None:
        mv_per_unit(unit)
    return unit
