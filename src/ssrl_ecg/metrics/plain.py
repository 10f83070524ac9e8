"""Reports as plain values that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Turn a report's value into dicts, lists, numbers and strings; NaN and infinity become None (JSON has neither).

    Args:
        value: a report, a mapping, a sequence, an array, a NumPy or Python number, a string or None.
    """
    if isinstance(value, Report):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Report:
    """Base of the result dataclasses: every field, as JSON can hold it."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name; undefined numbers are None."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]
