"""Where weights come from: which folds they have seen, so that they are not judged on them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ssrl_ecg.data.splits import Rows
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.run import git_commit, versions

_FOLDERS = re.compile(r"[^\s:=]*/(?=[^/])")


def without_folders(value: Any) -> Any:
    """Cut every path among words and settings to its last part: a record that is passed on names no machine."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    if isinstance(value, Path):
        return value.name
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


def data_facts(store: RecordStore) -> dict[str, Any]:
    """Name, size and fingerprint of the data, without any folder above them."""
    facts = store.facts
    return {
        "source": facts.source,
        "root_name": facts.root_name,
        "n_records": facts.n_records,
        "sampling_rate_hz": facts.sampling_rate_hz,
        "fingerprint": facts.source_fingerprint,
    }


def describe_weights(
    command: list[str],
    settings: dict[str, Any],
    store: RecordStore,
    trained_on: Rows,
    earlier: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the provenance of a checkpoint.

    Args:
        command: the words that started the training.
        settings: what they depend on beside the data.
        store: the records.
        trained_on: rows of the training folds, whose signals or labels training read.
        earlier: provenance of the checkpoint that training started from.
    """
    here = {
        "source": store.facts.source,
        "root_name": store.facts.root_name,
        "folds": _folds(store, trained_on),
    }
    return {
        "command": without_folders(command),
        "settings": settings,
        "data": data_facts(store),
        "seen": [*(earlier or {}).get("seen", []), here],
        "started_from": earlier,
        "commit": git_commit(),
        "versions": versions(),
    }


def refuse_seen(provenance: dict[str, Any], store: RecordStore, parts: dict[str, Rows]) -> None:
    """Refuse to judge weights on folds they were trained on.

    Data count as the same when kind and folder name are. Weights without such a record are not refused.

    Args:
        provenance: of the weights.
        store: the records.
        parts: name of a part, such as "test" -> its rows.

    Raises:
        InputError: a part holds such a fold, which is named.
    """
    here = (store.facts.source, store.facts.root_name)
    seen = {
        fold for one in provenance.get("seen", []) if (one["source"], one["root_name"]) == here for fold in one["folds"]
    }
    for part, rows in parts.items():
        common = sorted(seen.intersection(_folds(store, rows)))
        if common:
            raise InputError(
                "the weights were trained on recordings that are to judge them",
                field=f"{part} folds",
                expected=f"other folds than {_text(seen)}",
                found=_text(common),
            )


def _folds(store: RecordStore, rows: Rows) -> list[int]:
    return sorted(set(store.records["fold"].to_numpy()[rows].tolist()))


def _text(folds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(folds)))
