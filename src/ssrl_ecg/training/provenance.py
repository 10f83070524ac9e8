"""Where weights come from: which folds they have seen, so that they are not judged on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ssrl_ecg.data.splits import Rows
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.run import git_commit, versions, without_folders

_NO_ROWS: Rows = np.empty(0, np.int64)


def data_facts(store: RecordStore) -> dict[str, Any]:
    """Name, size and fingerprint of the data, without any folder above them; of several, of each and of all."""
    facts = store.facts
    parts = [part for part, _ in store.by_source(_NO_ROWS)]
    return {
        "source": facts.source,
        "root_name": facts.root_name,
        "n_records": facts.n_records,
        "sampling_rate_hz": facts.sampling_rate_hz,
        "fingerprint": facts.fingerprint,
        **({"collections": [data_facts(part) for part in parts]} if len(parts) > 1 else {}),
    }


def describe_weights(
    command: list[str],
    settings: dict[str, Any],
    store: RecordStore,
    trained_on: Rows,
    *,
    chosen_on: Rows = _NO_ROWS,
    earlier: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the provenance of a checkpoint.

    Args:
        command: the words that started the training.
        settings: what they depend on beside the data, as plain values.
        store: the records.
        trained_on: rows of the training folds, whose signals or labels training read.
        chosen_on: rows of the folds that steps, penalties or thresholds were chosen on.
        earlier: provenance of the checkpoint that training started from.
    """
    here = [
        {
            "source": part.facts.source,
            "root_name": part.facts.root_name,
            "folds": sorted(_folds(part, trained)),
            "chosen_on": sorted(_folds(part, chosen)),
        }
        for (part, trained), (_, chosen) in zip(store.by_source(trained_on), store.by_source(chosen_on), strict=True)
    ]
    return {
        "command": without_folders(command),
        "settings": settings,
        "data": data_facts(store),
        "seen": [*(earlier or {}).get("seen", []), *here],
        "started_from": earlier,
        "commit": git_commit(),
        "versions": versions(),
    }


def refuse_seen(
    provenance: dict[str, Any], store: RecordStore, *, validation: Rows = _NO_ROWS, test: Rows = _NO_ROWS
) -> None:
    """Refuse to judge weights on folds they were trained on, or to test them on folds something was chosen on.

    Choosing once more on the same validation folds is no test, and allowed. Data count as the same when kind and
    folder name are. Weights without such a record are not refused.

    Args:
        provenance: of the weights.
        store: the records.
        validation: rows that are to choose among weights that start from these.
        test: rows that are to test them.

    Raises:
        InputError: a part holds such a fold, which is named.
    """
    trained_on, chosen_on = (_recorded(provenance, store, key) for key in ("folds", "chosen_on"))
    trained = "the weights were trained on recordings that are to judge them"
    chosen = "steps, penalty or thresholds of the weights were chosen on recordings that are to test them"
    _refuse(trained, "validation folds", trained_on, _folds(store, validation))
    _refuse(trained, "test folds", trained_on, _folds(store, test))
    _refuse(chosen, "test folds", chosen_on, _folds(store, test))


def _recorded(provenance: dict[str, Any], store: RecordStore, key: str) -> set[int]:
    """Folds of these data under a key of any training behind the weights; older checkpoints lack ``chosen_on``."""
    here = (store.facts.source, store.facts.root_name)
    trainings = [one for one in provenance.get("seen", []) if (one["source"], one["root_name"]) == here]
    return {fold for one in trainings for fold in one.get(key, [])}


def _refuse(what: str, field: str, used: set[int], folds: set[int]) -> None:
    if used & folds:
        raise InputError(what, field=field, expected=f"other folds than {_text(used)}", found=_text(used & folds))


def _folds(store: RecordStore, rows: Rows) -> set[int]:
    return set(store.records["fold"].to_numpy()[rows].tolist())


def _text(folds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(folds)))
