"""An embedding as one self-contained page: a map of records, coloured by choice, with the ECG of each.

The ECGs lie in the page itself (``ecg_miniature``), about 5.5 kB a record with all that is said of it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.ecg_miniature import DURATION_S, N_SAMPLES, ROW_LEADS, STEP_MV, miniatures
from ssrl_ecg.evaluation.embedding_map import EmbeddingMap
from ssrl_ecg.evaluation.map_colours import Colouring, fold_colouring, label_colourings, patient_colouring
from ssrl_ecg.evaluation.pages import render
from ssrl_ecg.files import atomic_path

MAX_RECORDS = 2500
"""Records of a page, unless told otherwise: some 14 MB."""


@dataclass(frozen=True)
class Explored:
    """What a page shows.

    Attributes:
        title: heading of the page.
        record_ids: one per record.
        map: where they lie.
        colourings: what they can be coloured by, the first at the start.
        ecgs: int8 (record, row, sample) as ``miniature`` makes them; none: the page shows none.
        facts: name -> text, what the page rests on.
    """

    title: str
    record_ids: tuple[str, ...]
    map: EmbeddingMap
    colourings: Sequence[Colouring] = ()
    ecgs: NDArray[np.int8] | None = None
    facts: dict[str, str] = field(default_factory=dict)


def draw_rows(n_records: int, n_shown: int, seed: int) -> NDArray[np.int64]:
    """Return all rows, or so many at random, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(n_records)[: min(n_shown, n_records)])


def rows_of(store: RecordStore, record_ids: Sequence[str], file: Path) -> NDArray[np.int64]:
    """Find records in a store.

    Args:
        store: where to look.
        record_ids: what to look for.
        file: where the ids come from, for the error.

    Raises:
        InputError: an id is of no record of the store.
    """
    row_of = {record_id: row for row, record_id in enumerate(store.records["record_id"])}
    unknown = [record_id for record_id in record_ids if record_id not in row_of]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(record_ids)} ids are of no record of the data",
            file=file,
            field="record_id",
            expected=f"ids such as {store.records['record_id'].iloc[0]}",
            found=unknown[0],
        )
    return np.array([row_of[record_id] for record_id in record_ids], dtype=np.int64)


def explored_records(
    store: RecordStore, labels: Labels | None, rows: NDArray[np.int64], laid_out: EmbeddingMap, facts: dict[str, str]
) -> Explored:
    """Collect what a page shows of records of a store.

    Args:
        store: the records.
        labels: a row per record of the store; None: there are none.
        rows: which records, one per row of the map.
        laid_out: the map.
        facts: what the page rests on.
    """
    table = store.records.iloc[rows]
    classes = [] if labels is None else label_colourings(labels.take(rows))
    others = [fold_colouring(table["fold"].tolist()), patient_colouring(table["patient_id"].tolist())]
    return Explored(
        f"Map of {store.facts.root_name}",
        tuple(table["record_id"]),
        laid_out,
        [*classes, *others],
        miniatures(store, rows),
        facts,
    )


def write_explore_page(path: Path, explored: Explored) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: the file system refused.
    """
    page = render(
        "explore.html.j2",
        title=explored.title,
        script_name="explore.js",
        map=explored.map,
        facts=explored.facts,
        n_records=len(explored.record_ids),
        has_ecgs=explored.ecgs is not None,
        data=_page_data(explored),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _page_data(explored: Explored) -> dict[str, Any]:
    """What the script reads."""
    ecgs = b"" if explored.ecgs is None else explored.ecgs.tobytes()
    return {
        "ids": explored.record_ids,
        "positions": explored.map.positions.round(4).tolist(),
        "colourings": [
            {
                "name": one.name,
                "names": [name for name, _ in one.categories],
                "colours": [colour for _, colour in one.categories],
                "of": one.of,
                "words": one.words,
            }
            for one in explored.colourings
        ],
        "sheet": {"samples": N_SAMPLES, "seconds": DURATION_S, "step_mv": STEP_MV, "leads": ROW_LEADS},
        "ecgs": base64.b64encode(ecgs).decode("ascii"),
    }
