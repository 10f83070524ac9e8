"""Whole batches of records as tensors, read from a store in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch.utils.data import Dataset

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError


@dataclass(frozen=True)
class RecordBatch:
    """Some records of a store.

    Attributes:
        signal_mv: (batch, lead, time) float32 in mV.
        rows: (batch,) int64, the records' rows in the store.
        patients: (batch,) int64, equal exactly where the patient is the same; numbered over the whole store.
        labels: (batch, class) float32 of 0 and 1, or None.
    """

    signal_mv: torch.Tensor
    rows: torch.Tensor
    patients: torch.Tensor
    labels: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> RecordBatch:
        """Return the batch on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return RecordBatch(self.signal_mv.to(device), self.rows.to(device), self.patients.to(device), labels)


class BatchDataset(Dataset[RecordBatch]):
    """Records of a store, indexed by a whole list of positions: use it with a ``BatchSampler`` and ``batch_size=None``.

    Args:
        store: the store.
        rows: (n,) rows of the store that make up the dataset; position k is row ``rows[k]``.
        labels: labels of all records of the store, or None.

    Raises:
        InputError: the labels are not the store's, or one of the rows has no known label.
    """

    def __init__(self, store: RecordStore, rows: ArrayLike, labels: Labels | None = None) -> None:
        self.store = store
        self.rows = np.asarray(rows, dtype=np.int64)
        self.labels = labels
        self._patients = pd.factorize(store.records["patient_id"])[0].astype(np.int64)
        if labels is not None and len(labels) != len(store):
            raise InputError("labels are of another store", field=labels.name, expected=len(store), found=len(labels))
        if labels is not None and not labels.known[self.rows].all():
            n_unknown = int((~labels.known[self.rows]).sum())
            raise InputError("records without a known label", field=labels.name, expected=0, found=n_unknown)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Sequence[int]) -> RecordBatch:
        """Return the records at these positions, in this order."""
        rows = self.rows[np.asarray(positions, dtype=np.int64)]
        labels = None if self.labels is None else torch.from_numpy(self.labels.values[rows].astype(np.float32))
        signal_mv = torch.from_numpy(self.store.read_mv(rows))
        return RecordBatch(signal_mv, torch.from_numpy(rows), torch.from_numpy(self._patients[rows]), labels)
