"""Feature vectors of recordings, for any tool that reads NumPy or Parquet."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.files import atomic_path, jsonable
from ssrl_ecg.predict.preparation import Preparation, Prepared
from ssrl_ecg.training.checkpoint import EncoderCheckpoint

SUFFIXES = (".npz", ".parquet")
METADATA_KEY = b"ssrl_ecg"


class Embeddings(NamedTuple):
    """What ``write_embeddings`` wrote.

    Attributes:
        record_ids: one per row.
        values: float32 (record, feature), finite.
        facts: where they come from.
    """

    record_ids: tuple[str, ...]
    values: NDArray[np.float32]
    facts: dict[str, Any]


class Embedder:
    """Encodes recordings of any rate and lead order.

    Args:
        checkpoint: the encoder.

    Attributes:
        checkpoint: the encoder.
    """

    def __init__(self, checkpoint: EncoderCheckpoint) -> None:
        self.checkpoint = checkpoint
        self._preparation = Preparation(checkpoint.preprocessing)

    def prepare(self, recording: SignalFile) -> Prepared:
        """Map a recording to what the encoder wants; see ``Preparation.prepare``.

        Raises:
            InputError: it cannot be mapped.
        """
        return self._preparation.prepare(recording)

    def answer(self, recordings: Sequence[Prepared]) -> list[NDArray[np.float32]]:
        """Feature vectors (feature,), averaged over each recording's windows."""
        return list(self._preparation.apply(self.checkpoint.encoder, recordings))


def check_target(path: Path) -> None:
    """Refuse, before hours of work, a file that could not be written afterwards.

    Raises:
        InputError: the suffix is none of ``SUFFIXES``, or Parquet is asked for and its package is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise InputError("unknown kind of file", file=path, expected=" or ".join(SUFFIXES), found=path.suffix)
    if path.suffix == ".parquet":
        extra_package("pyarrow", "parquet", "Parquet files")


def write_embeddings(
    path: Path, record_ids: Sequence[str], embeddings: NDArray[np.floating], facts: Mapping[str, Any]
) -> None:
    """Write feature vectors, whole or not at all.

    ``.npz`` holds ``record_id`` (record,) text, ``embedding`` (record, feature) float32 and ``facts``, JSON as text; no
    pickle. ``.parquet`` has the columns ``record_id`` and ``f0000``, ``f0001`` and so on, and the facts under the key
    ``ssrl_ecg`` of its schema's metadata.

    Args:
        path: the file.
        record_ids: one per row.
        embeddings: (record, feature).
        facts: where they come from: hash of the checkpoint, preprocessing.

    Raises:
        InputError: see ``check_target``.
        OSError: the file system refused.
    """
    check_target(path)
    values, text = np.asarray(embeddings, np.float32), json.dumps(jsonable(dict(facts)), sort_keys=True)
    with atomic_path(path) as temporary:
        if path.suffix == ".npz":
            with temporary.open("wb") as file:
                np.savez(file, record_id=np.array(record_ids, dtype=np.str_), embedding=values, facts=np.array(text))
            return
        arrow = extra_package("pyarrow", "parquet", "Parquet files")
        columns = {f"f{number:04d}": column for number, column in enumerate(values.T)}
        table = arrow.table({"record_id": list(record_ids), **columns})
        extra_package("pyarrow.parquet", "parquet", "Parquet files").write_table(
            table.replace_schema_metadata({METADATA_KEY: text.encode()}), temporary
        )


def read_embeddings(path: Path) -> Embeddings:
    """Read the ``.npz`` that ``write_embeddings`` writes; nothing is unpickled.

    Raises:
        InputError: the file is missing or of another kind, its arrays do not fit, or a value is not finite.
    """
    expected = "NAME.npz of ssrl-ecg embed"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, values, facts = arrays["record_id"], arrays["embedding"], json.loads(str(arrays["facts"]))
    except FileNotFoundError:
        raise InputError("file is missing", file=path, expected=expected) from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise InputError("these are no embeddings", file=path, expected=expected) from None
    fits = values.ndim == 2 and names.shape == values.shape[:1] and values.size and isinstance(facts, dict)
    if not fits or values.dtype.kind != "f":
        raise InputError("embeddings are damaged", file=path, expected="(record, feature)", found=values.shape)
    if not np.isfinite(values).all():
        raise InputError("embeddings are damaged", file=path, expected="finite numbers", found="NaN or infinity")
    return Embeddings(tuple(map(str, names)), values.astype(np.float32), facts)
