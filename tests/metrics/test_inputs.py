from __future__ import annotations

import math

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import checked, checked_classes, defined_mean, macro, ratio


@pytest.mark.parametrize(
    ("targets", "scores", "complaint"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "no table"),
        (np.zeros((3, 0)), np.zeros((3, 0)), "no table"),
        (np.zeros(3), np.zeros(3), "no table"),
        (np.zeros((3, 2)), np.zeros((3, 1)), "shape"),
        (np.full((3, 1), 2), np.zeros((3, 1)), "other than 0 and 1"),
        (np.full((3, 1), 0.5), np.zeros((3, 1)), "other than 0 and 1"),
        (np.zeros((3, 1)), np.array([[0.1], [np.nan], [np.inf]]), "2 records"),
    ],
)
def test_unusable_tables_are_refused_in_one_line(targets, scores, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        checked(targets, scores)
    assert "\n" not in str(error.value)


def test_booleans_and_single_precision_are_taken():
    targets, scores = checked(np.array([[True], [False]]), np.array([[0.5], [0.25]], dtype=np.float32))
    assert targets.dtype == np.uint8
    assert targets.tolist() == [[1], [0]]
    assert scores.dtype == np.float64


@pytest.mark.parametrize("classes", [("a",), ("a", "b", "c"), ("a", "a")])
def test_class_names_must_name_each_column_once(classes):
    with pytest.raises(InputError, match="class names"):
        checked_classes(classes, np.zeros((3, 2), dtype=np.uint8))


def test_means_leave_the_undefined_out_and_say_when_nothing_is_left():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(defined_mean(values, axis=0), [2.0, 5.0, np.nan])
    assert macro(values) == 3.0
    assert math.isnan(macro([np.nan, np.nan]))


def test_ratio_is_undefined_over_zero_without_a_warning():
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0])), [0.5, np.nan, np.nan])
