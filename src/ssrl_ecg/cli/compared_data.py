"""What a comparison runs on: recordings, labels, splits, and the audit that nobody tested is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.data.description import DataDescription, describe_data
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.leakage import LeakageAudit, audit_splits
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore


@dataclass(frozen=True)
class ComparedData:
    """Recordings of one comparison.

    Attributes:
        store: the records.
        labels: targets of every row.
        splits: splits that share their training rows; those who duplicate a held-out recording are not among them.
        about: what reports say of the data.
        audit: what the leakage audit found.
    """

    store: RecordStore
    labels: Labels
    splits: list[Split]
    about: DataDescription
    audit: LeakageAudit

    @property
    def facts(self) -> dict[str, Any]:
        """What ``run.json`` says of the data."""
        return {
            "name": self.about.name,
            "fingerprint": self.store.facts.fingerprint,
            "label_set": self.labels.name,
            "leakage": self.audit.to_dict(),
        }


def compared_data(
    options: LabelledDataOptions, store: RecordStore, labels: Labels, splits: Sequence[Split]
) -> ComparedData:
    """Audit the splits of a comparison, and say what was found.

    Args:
        options: where the data come from.
        store: the records.
        labels: targets of every row.
        splits: splits that share their training rows.
    """
    kept, found = audit_splits(store, splits)
    print(found.verdict, flush=True)
    return ComparedData(store, labels, kept, describe_data(options.source(store.facts.sampling_rate_hz), store), found)
