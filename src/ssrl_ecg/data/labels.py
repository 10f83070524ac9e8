"""What is known about each record: 0/1 columns with names, a task, and which rows have a label at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.errors import InputError

Task = Literal["multilabel", "binary", "single"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Labels:
    """One label set: a row per record, a column per class.

    Attributes:
        name: letters, digits, ``_ . -`` (it is also a file name in the store).
        classes: column names; their order never depends on the data.
        values: (record, class) uint8, 0 or 1. ``binary`` has one column (1 = the named class); ``single`` is one-hot.
        known: (record,) bool. A row that is not known has no label: it is never trained or tested on, and its values
            mean nothing. A known multilabel row of zeros is an answer: none of the classes.
        task: ``multilabel``, ``binary`` or ``single``.

    Raises:
        InputError: shapes, values, names or the task contradict each other.
    """

    name: str
    classes: tuple[str, ...]
    values: NDArray[np.uint8]
    known: NDArray[np.bool_]
    task: Task

    def __post_init__(self) -> None:
        self._check_names()
        self._check_values()

    def _check_names(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                "the name of a label set must also be a file name", expected=_NAME.pattern, found=self.name
            )
        if self.task not in get_args(Task):
            raise InputError("unknown task", field=self.name, expected=", ".join(get_args(Task)), found=self.task)
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise InputError("classes must be distinct", field=self.name, found=", ".join(self.classes))
        if self.task == "binary" and len(self.classes) != 1:
            raise InputError("a binary task has one class", field=self.name, found=", ".join(self.classes))

    def _check_values(self) -> None:
        shape = (len(self.known), len(self.classes))
        if self.values.shape != shape or self.values.dtype != np.uint8:
            found = f"{self.values.shape} {self.values.dtype}"
            raise InputError("label values do not fit", field=self.name, expected=f"{shape} uint8", found=found)
        if self.known.shape != shape[:1] or self.known.dtype != np.bool_:
            raise InputError("known must be one bool per record", field=self.name, found=self.known.dtype)
        if self.values.size and self.values.max() > 1:
            raise InputError("label values must be 0 or 1", field=self.name, found=int(self.values.max()))
        if self.task == "single" and (self.values[self.known].sum(axis=1) != 1).any():
            raise InputError("a single-label record has exactly one class", field=self.name)

    def __len__(self) -> int:
        return len(self.known)

    def take(self, rows: ArrayLike) -> Labels:
        """Return the labels of these rows, in this order.

        Args:
            rows: (n,) row numbers or a (record,) bool mask.
        """
        chosen = np.asarray(rows)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        return Labels(self.name, self.classes, self.values[chosen], self.known[chosen], self.task)

    def counts(self) -> dict[str, int]:
        """Number of known records in each class, in class order."""
        positives = self.values[self.known].sum(axis=0, dtype=np.int64)
        return dict(zip(self.classes, positives.tolist(), strict=True))

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """Classes without a positive among the known records: kept as columns, but nothing can be said of them."""
        return tuple(name for name, count in self.counts().items() if count == 0)


@dataclass(frozen=True)
class SoftLabels(Labels):
    """What a teacher says of each record in place of labels: float32 ``values`` in [0, 1], to learn from, not to judge.

    Raises:
        InputError: a shape or value that does not fit.
    """

    values: NDArray[np.float32]  # type: ignore[assignment]  # everything that trains reads labels as float32

    @classmethod
    def of_rows(cls, classes: tuple[str, ...], n_records: int, rows: ArrayLike, taught: ArrayLike) -> SoftLabels:
        """Make labels of a whole store, known for ``rows`` alone: ``taught`` is (row, class)."""
        values, known = np.zeros((n_records, len(classes)), np.float32), np.zeros(n_records, np.bool_)
        values[np.asarray(rows)], known[np.asarray(rows)] = taught, True
        return cls("soft", classes, values, known, "multilabel")

    def _check_values(self) -> None:
        shape = (len(self.known), len(self.classes))
        if self.values.shape != shape or self.values.dtype != np.float32:
            found = f"{self.values.shape} {self.values.dtype}"
            raise InputError("soft labels do not fit", field=self.name, expected=f"{shape} float32", found=found)
        if not ((self.values >= 0) & (self.values <= 1)).all():
            raise InputError("soft labels must lie in [0, 1]", field=self.name)
