"""Embeddings equal those of the store's way, and files hold them without pickle."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import METADATA_KEY, Embedder, check_target, write_embeddings
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.training.checkpoint import EncoderCheckpoint
from ssrl_ecg.training.embed import embed


def test_equals_the_embeddings_of_a_store(plain, store, split):
    embedder = Embedder(EncoderCheckpoint(plain.classifier.encoder, plain.preprocessing))
    rows = split.test[:3]
    prepared = [embedder.prepare(SignalFile(signal_mv, 100.0, LEADS)) for signal_mv in store.read_mv(rows)]
    wanted = embed(plain.classifier.encoder, plain.preprocessing, store, rows)
    np.testing.assert_allclose(np.stack(embedder.answer(prepared)), wanted, atol=1e-5)


VALUES = np.arange(6, dtype=np.float64).reshape(3, 2) / 7
IDS, FACTS = ["a", "b/c", "ü"], {"checkpoint_sha256": "0f", "n": np.int64(3)}


def test_npz_round_trip(tmp_path):
    write_embeddings(tmp_path / "e.npz", IDS, VALUES, FACTS)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as arrays:
        assert arrays["record_id"].tolist() == IDS
        np.testing.assert_array_equal(arrays["embedding"], VALUES.astype(np.float32))
        assert json.loads(str(arrays["facts"])) == {"checkpoint_sha256": "0f", "n": 3}


def test_parquet_round_trip(tmp_path):
    write_embeddings(tmp_path / "e.parquet", IDS, VALUES, FACTS)
    table = pq.read_table(tmp_path / "e.parquet")
    assert table.column_names == ["record_id", "f0000", "f0001"]
    assert table["record_id"].to_pylist() == IDS
    np.testing.assert_array_equal(table["f0001"].to_numpy(), VALUES[:, 1].astype(np.float32))
    assert json.loads(table.schema.metadata[METADATA_KEY])["n"] == 3


def test_other_kinds_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.npz or \.parquet"):
        check_target(tmp_path / "e.csv")
