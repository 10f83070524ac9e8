from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.labels import Labels, SoftLabels
from ssrl_ecg.errors import InputError

VALUES = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=np.uint8)
KNOWN = np.array([True, True, True, False])


def labels(**changes):
    given = {"name": "set", "classes": ("a", "b", "c"), "values": VALUES, "known": KNOWN, "task": "multilabel"}
    return Labels(**given | changes)


def test_counts_only_known_records_and_keeps_empty_classes():
    assert labels().counts() == {"a": 2, "b": 1, "c": 0}
    assert labels().empty_classes == ("c",)
    assert len(labels()) == 4


@pytest.mark.parametrize("rows", [[3, 1], np.array([False, True, False, True]), []])
def test_take_follows_numpy_indexing(rows):
    taken = labels().take(rows)
    index = np.asarray(rows) if len(rows) else np.zeros(0, int)
    np.testing.assert_array_equal(taken.values, VALUES[index])
    np.testing.assert_array_equal(taken.known, KNOWN[index])
    assert (taken.name, taken.classes, taken.task) == ("set", ("a", "b", "c"), "multilabel")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "../x"}, "file name"),
        ({"task": "ordinal"}, "unknown task"),
        ({"classes": ("a", "a", "b")}, "distinct"),
        ({"classes": (), "values": VALUES[:, :0]}, "distinct"),
        ({"classes": ("a", "b")}, "do not fit"),
        ({"values": VALUES.astype(float)}, "do not fit"),
        ({"values": VALUES * 2}, "0 or 1"),
        ({"known": KNOWN.astype(int)}, "one bool"),
        ({"task": "binary"}, "one class"),
        ({"task": "single"}, "exactly one"),
    ],
)
def test_contradictions_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        labels(**changes)


def test_single_needs_one_class_only_where_known():
    known = np.array([True, False, False, True])
    assert labels(task="single", known=known).counts() == {"a": 2, "b": 0, "c": 0}


def test_soft_labels_are_known_where_somebody_was_taught():
    soft = SoftLabels.of_rows(("a", "b"), 5, [3, 1], [[0.25, 1.0], [0.5, 0.0]])
    assert soft.known.tolist() == [False, True, False, True, False]
    np.testing.assert_array_equal(soft.values[[3, 1]], [[0.25, 1.0], [0.5, 0.0]])
    assert soft.values.dtype == np.float32


@pytest.mark.parametrize(
    "values",
    [np.array([[1.5]], np.float32), np.array([[np.nan]], np.float32), np.zeros((1, 1)), np.zeros((2, 1), np.float32)],
)
def test_soft_labels_are_float32_shares(values):
    with pytest.raises(InputError, match="soft labels"):
        SoftLabels("soft", ("a",), values, np.array([True]), "multilabel")
