"""``ssrl-ecg explore``: an embedding as a map in one HTML file, with the ECG of each record."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.cli.data_options import LabelledDataOptions, ReadingOptions
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.deployment.hub import checkpoint_file
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.embedding_map import MapMethod, map_embeddings
from ssrl_ecg.evaluation.explore_page import (
    MAX_RECORDS,
    Explored,
    draw_rows,
    explored_records,
    rows_of,
    write_explore_page,
)
from ssrl_ecg.predict.embedder import Embeddings, read_embeddings
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.embed import embed
from ssrl_ecg.weights import packaged_classifier

_USUAL_RATE_HZ = 100.0


@dataclass(frozen=True, kw_only=True)
class ExploreOptions(ReadingOptions):
    """Write one HTML file: a map of recordings by their feature vectors, coloured by label, fold or patient.

    Feature vectors come from --data by way of a checkpoint, or from a file that ssrl-ecg embed wrote; then --data says
    which recordings those are of. The file loads nothing from elsewhere, and it holds the recordings it shows.
    """

    out: Path
    """File to write, .html."""
    data: str | None = None
    """Folder of PTB-XL, or KIND:FOLDER as other commands take it; without it the map shows ids alone."""
    checkpoint: Path | None = None
    """As ssrl-ecg embed takes it; without it the one that comes with the package."""
    embeddings: Path | None = None
    """In place of a checkpoint: NAME.npz of ssrl-ecg embed."""
    label_set: str | None = None
    """PTB-XL: super (the default), sub, diag, form, rhythm, all, norm, super-single; other kinds have one label set."""
    method: MapMethod = "auto"
    """UMAP (extra explore) or t-SNE; auto: UMAP where it is installed."""
    max_records: int = MAX_RECORDS
    """Records of the map; of more, so many are drawn at random. Each takes about 5.5 kB."""
    seed: int = 42
    """Seed of the layout and of the drawing."""

    def named_data(self) -> LabelledDataOptions:
        """Return which recordings and labels."""
        reading = {field.name: getattr(self, field.name) for field in fields(ReadingOptions)}
        return LabelledDataOptions(data=str(self.data), label_set=self.label_set, **reading)


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(ExploreOptions, argv, "ssrl-ecg explore")
    _check(options)
    given = None if options.embeddings is None else read_embeddings(options.embeddings)
    explored = _ids_alone(options, given) if options.data is None and given else _with_recordings(options, given)
    write_explore_page(options.out, explored)
    print(f"{options.out}: {len(explored.record_ids)} records, {options.out.stat().st_size / 1e6:.1f} MB")
    return DONE


def _check(options: ExploreOptions) -> None:
    if options.out.suffix != ".html":
        raise InputError("unknown kind of file", file=options.out, expected=".html", found=options.out.suffix)
    if options.embeddings is not None and options.checkpoint is not None:
        raise InputError("give either --checkpoint or --embeddings", found="both")
    if options.embeddings is None and options.data is None:
        raise InputError("give --data, or --embeddings of ssrl-ecg embed", found="neither")
    if options.max_records < 1:
        raise InputError("must be positive", field="--max-records", found=options.max_records)


def _ids_alone(options: ExploreOptions, given: Embeddings) -> Explored:
    chosen = draw_rows(len(given.record_ids), options.max_records, options.seed)
    ids = tuple(given.record_ids[row] for row in chosen)
    laid_out = map_embeddings(given.values[chosen], options.method, options.seed)
    return Explored(f"Map of {options.embeddings}", ids, laid_out, facts=_facts(given.facts, chosen, len(given.values)))


def _with_recordings(options: ExploreOptions, given: Embeddings | None) -> Explored:
    named = options.named_data()
    if given is None:
        path = packaged_classifier() if options.checkpoint is None else checkpoint_file(options.checkpoint)
        checkpoint = load_encoder(path)
        store = named.open_store(checkpoint.preprocessing.sampling_rate_hz)
        labels = _labels(named, store)
        rows = draw_rows(len(store), options.max_records, options.seed)
        values = embed(checkpoint.encoder, checkpoint.preprocessing, store, rows)
        known = {"checkpoint": path.name, "encoder": type(checkpoint.encoder).__name__}
        facts = _facts(known, rows, len(store))
    else:
        store = named.open_store(_rate_hz(given.facts))
        labels = _labels(named, store)
        chosen = draw_rows(len(given.values), options.max_records, options.seed)
        rows = rows_of(store, given.record_ids, options.embeddings or Path())[chosen]
        values, facts = given.values[chosen], _facts(given.facts, chosen, len(given.values))
    return explored_records(store, labels, rows, map_embeddings(values, options.method, options.seed), facts)


def _labels(named: LabelledDataOptions, store: RecordStore) -> Labels | None:
    """Labels of the store; None of a folder that has none. Asked for before anything takes time."""
    return named.labels(store) if store.label_set_names else None


def _rate_hz(facts: dict[str, Any]) -> float:
    """Rate at which the embedding's recordings were read, and so of a store that is perhaps there already."""
    preprocessing = facts.get("preprocessing")
    found = preprocessing.get("sampling_rate_hz") if isinstance(preprocessing, dict) else None
    return float(found) if isinstance(found, int | float) else _USUAL_RATE_HZ


def _facts(known: dict[str, Any], rows: NDArray[np.int64], n_records: int) -> dict[str, str]:
    names: tuple[str, ...] = ("checkpoint", "checkpoint_sha256", "encoder")
    is_part = len(rows) < n_records
    amount = f"{len(rows):,} of {n_records:,}, drawn at random" if is_part else f"{n_records:,}"
    return {name: str(known[name]) for name in names if name in known} | {"records": amount}
