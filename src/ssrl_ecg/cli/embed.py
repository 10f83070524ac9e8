"""``ssrl-ecg embed``: feature vectors of recordings, for any downstream tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.cli.data_options import DataOptions
from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.file_options import FileOptions, Rejections
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.deployment.hub import checkpoint_file
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import Embedder, check_target, write_embeddings
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder
from ssrl_ecg.training.embed import embed
from ssrl_ecg.weights import file_hash, packaged_classifier


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(FileOptions):
    """Write an encoder's feature vectors of recordings, averaged over each recording's windows.

    NAME.npz holds record_id, embedding (float32) and facts (JSON: SHA-256 of the checkpoint, preprocessing);
    NAME.parquet a column per feature. Recordings that had to be left out are listed in NAME.rejected.csv, and the exit
    code is 3.
    """

    out: Path
    """File to write, .npz or .parquet."""
    checkpoint: Path | None = None
    """Checkpoint of an encoder or a classifier: a file, a folder in the Hub's layout, or ORGANISATION/NAME on the Hub;
    without it the one that comes with the package."""
    data: str | None = None
    """In place of files: a folder of PTB-XL, or KIND:FOLDER as other commands take it."""
    labels_csv: Path = Path("labels.csv")
    """Table of a folder: source, relative to the folder."""
    store: Path | None = None
    """Folder of the store of --data; without it ./store/NAME-RATEhz."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if recordings were left out."""
    options = parse(EmbedOptions, argv, "ssrl-ecg embed")
    if bool(options.files) == (options.data is not None):
        raise InputError("give either files or --data", found="both" if options.files else "neither")
    check_target(options.out)
    path = packaged_classifier() if options.checkpoint is None else checkpoint_file(options.checkpoint)
    checkpoint = load_encoder(path)
    facts = {
        "checkpoint": path.name,
        "checkpoint_sha256": file_hash(path),
        "encoder": type(checkpoint.encoder).__name__,
        "preprocessing": checkpoint.preprocessing.to_dict(),
    }
    return _embed_files(options, checkpoint, facts) if options.data is None else _embed_data(options, checkpoint, facts)


def _embed_files(options: EmbedOptions, checkpoint: EncoderCheckpoint, facts: dict[str, Any]) -> int:
    paths, names, vectors = options.recordings(), [], []
    with Rejections(options.out, len(paths)) as rejections:
        for outcome in options.outcomes(Embedder(checkpoint), paths):
            if outcome.answer is None:
                rejections.add(outcome.path, outcome.rejected)
            else:
                names.append(outcome.path.as_posix())
                vectors.append(outcome.answer)
    _write(options.out, names, np.stack(vectors), facts)
    return INCOMPLETE if rejections.n_rejected else DONE


def _embed_data(options: EmbedOptions, checkpoint: EncoderCheckpoint, facts: dict[str, Any]) -> int:
    named = DataOptions(
        data=str(options.data),
        labels_csv=options.labels_csv,
        file_rate_hz=options.file_rate_hz,
        unit=options.unit,
        duration_s=options.duration_s or 10.0,
        store=options.store,
    )
    built = named.build(checkpoint.preprocessing.sampling_rate_hz)
    rows = np.arange(len(built.store))
    names = built.store.records["record_id"].tolist()
    _write(options.out, names, embed(checkpoint.encoder, checkpoint.preprocessing, built.store, rows), facts)
    if built.n_rejected:
        print(f"{built.n_rejected} records were left out; their reasons: {built.store.path / 'rejected.csv'}")
    return INCOMPLETE if built.n_rejected else DONE


def _write(out: Path, names: list[str], embeddings: np.ndarray, facts: dict[str, Any]) -> None:
    write_embeddings(out, names, embeddings, facts)
    print(f"{out}: {len(names)} records, {embeddings.shape[1]} features")
