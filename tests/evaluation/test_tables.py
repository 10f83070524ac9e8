from __future__ import annotations

import math

import pytest

from ssrl_ecg.evaluation import tables


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (tables.number, 0.12345, "0.123"),
        (tables.number, -0.5, "−0.500"),
        (tables.signed, 0.0401, "+0.040"),
        (tables.signed, -0.0401, "−0.040"),
        (tables.signed, -0.0001, "0.000"),
        (tables.p_value, 0.0004, "< 0.001"),
        (tables.p_value, 0.04, "0.040"),
        (tables.percent, 0.01, "1 %"),
        (tables.percent, 0.025, "2.5 %"),
        (tables.percent, 16 / 1488, "1.08 %"),
        (tables.percent, 1.0, "100 %"),
    ],
)
def test_numbers_read_as_written(function, value, text):
    assert plain(function(value)) == text


def test_undefined_interval_is_empty():
    assert tables.interval(math.nan, 0.5) == ""
    assert plain(tables.interval(0.1, 0.25)) == "[0.100, 0.250]"


def test_estimate_has_its_interval_where_that_is_defined():
    assert plain(tables.estimate(0.2, 0.1, 0.25)) == "0.200 [0.100, 0.250]"
    assert plain(tables.estimate(0.2, -0.1, 0.25, tables.signed)) == "+0.200 [−0.100, +0.250]"
    assert tables.estimate(0.2, math.nan, math.nan) == "0.200"


@pytest.mark.parametrize(
    ("value", "largest", "text"),
    [(0.1234, 1, "0.123"), (-1.5, 12.5, "−1.50"), (1.5, 250, "1.5"), (1.5, 1234.5, "2"), (0.5, math.nan, "0.500")],
)
def test_a_columns_numbers_have_as_many_decimals_as_its_largest_leaves(value, largest, text):
    assert tables.significant(value, largest) == text
