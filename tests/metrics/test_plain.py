from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from ssrl_ecg.metrics.plain import Report, plain


@dataclass(frozen=True)
class Inner(Report):
    value: float


@dataclass(frozen=True)
class Outer(Report):
    inner: Inner
    by_fold: dict[int, Inner]
    numbers: np.ndarray
    count: np.int64
    names: tuple[str, ...]
    nothing: None


def test_a_nested_report_survives_strict_json():
    report = Outer(Inner(np.nan), {7: Inner(0.5)}, np.array([[1.0, np.inf]]), np.int64(3), ("a",), None)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == {
        "inner": {"value": None},
        "by_fold": {"7": {"value": 0.5}},
        "numbers": [[1.0, None]],
        "count": 3,
        "names": ["a"],
        "nothing": None,
    }


def test_flags_stay_flags():
    assert plain(np.array([True, False])) == [True, False]
    assert plain(np.float64("nan")) is None
