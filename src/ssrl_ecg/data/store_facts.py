"""What a store says of itself: the content of its ``facts.json``."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ssrl_ecg.errors import InputError

FORMAT_VERSION = 2
"""Raised whenever stores written before must be rebuilt."""


@dataclass(frozen=True)
class Facts:
    """What ``facts.json`` says of a store.

    Attributes:
        format_version: ``FORMAT_VERSION`` of the code that wrote it.
        source: name of the source.
        root_name: name of the source's folder, without the folders above it.
        source_fingerprint: the source's fingerprint when the store was built; another one means files were touched.
        fingerprint: SHA-256 of signals, records, labels and the facts below: the same wherever and whenever the same
            recordings are read, so that results stay valid where a data set was copied or downloaded again.
        sampling_rate_hz: samples per second of every record.
        leads: lead names along the second axis.
        n_records: records in the store.
        n_samples: samples per lead.
        n_rejected: records of the source that are not in the store.
        n_clipped_records: records with a value beyond +-``CLIP_UV``.
        n_clipped_samples: such values, over all leads.
        n_flat_records: records with at least one lead that never changes.
        label_sets: name -> {"task", "classes", "n_known", "empty_classes"}.
    """

    format_version: int
    source: str
    root_name: str
    source_fingerprint: str
    fingerprint: str
    sampling_rate_hz: float
    leads: tuple[str, ...]
    n_records: int
    n_samples: int
    n_rejected: int
    n_clipped_records: int
    n_clipped_samples: int
    n_flat_records: int
    label_sets: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON writes them."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``facts.json`` of a store.

        Raises:
            InputError: there is no store, or it is damaged, or another version wrote it.
        """
        path = folder / "facts.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError("there is no store here; build it first", file=folder) from None
        except (OSError, ValueError) as error:
            raise InputError("store is damaged; build it again", file=path) from error
        version = values.get("format_version") if isinstance(values, dict) else None
        if version != FORMAT_VERSION:
            what = "store was written by another version; build it again"
            raise InputError(what, file=path, field="format_version", expected=FORMAT_VERSION, found=version)
        try:
            return cls(**values | {"leads": tuple(values["leads"])})
        except (KeyError, TypeError) as error:
            raise InputError("store is damaged; build it again", file=path) from error
