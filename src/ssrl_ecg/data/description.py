"""What must be said of recordings beside their numbers: simulated, a sample or the whole set, and whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ssrl_ecg.data.source import Source
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.data.synthetic import PROVENANCE

PTBXL_RECORDS = 21_799
"""Records of PTB-XL 1.0.3 (1.0.1 and 1.0.2 have 21,837); fewer are a sample."""


@dataclass(frozen=True)
class DataDescription:
    """Plain words about recordings.

    Attributes:
        kind: "synthetic", "sample" or "data".
        name: short name with the number of records where it is a sample.
        statement: one sentence.
        attribution: authors and licence; empty for a user's own recordings.
    """

    kind: Literal["synthetic", "sample", "data"]
    name: str
    statement: str
    attribution: str


def describe_data(source: Source, store: RecordStore) -> DataDescription:
    """Say what a source's recordings are, from its files and the number of records."""
    n_records = len(store) + store.facts.n_rejected
    if (source.root / PROVENANCE).is_file():
        return DataDescription(
            "synthetic",
            "synthetic cohort",
            f"{n_records:,} simulated ECGs of no patient; differences between rows say nothing about real ones.",
            "simulated by ssrl_ecg",
        )
    if source.name != "ptbxl":
        return DataDescription(
            "data", source.root.name, f"{n_records:,} recordings of the folder {source.root.name}.", ""
        )
    attribution = "PTB-XL, Wagner et al. 2022, PhysioNet, CC BY 4.0"
    if n_records < PTBXL_RECORDS:
        name = f"PTB-XL sample, {n_records:,} records"
        return DataDescription(
            "sample", name, f"A sample of {n_records:,} of PTB-XL's {PTBXL_RECORDS:,} records.", attribution
        )
    return DataDescription("data", "PTB-XL", f"PTB-XL, {n_records:,} records.", attribution)
