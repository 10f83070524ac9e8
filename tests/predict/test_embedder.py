"""Embeddings equal those of the store's way, and files hold them without pickle."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import METADATA_KEY, Embedder, check_target, read_embeddings, write_embeddings
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


def test_what_was_written_is_read_again(tmp_path):
    write_embeddings(tmp_path / "e.npz", IDS, VALUES, FACTS)
    again = read_embeddings(tmp_path / "e.npz")
    assert again.record_ids == tuple(IDS)
    assert again.values.dtype == np.float32
    np.testing.assert_array_equal(again.values, VALUES.astype(np.float32))
    assert again.facts == {"checkpoint_sha256": "0f", "n": 3}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"embedding": np.zeros((2, 2), np.float32)}, "damaged"),
        ({"embedding": np.zeros(3, np.float32)}, "damaged"),
        ({"embedding": np.full((3, 2), np.inf)}, "finite"),
        ({"embedding": np.zeros((3, 2), dtype=np.int64)}, "damaged"),
        ({"facts": np.array("no JSON")}, "no embeddings"),
        ({"facts": np.array("[]")}, "damaged"),
        ({"record_id": np.array([{}] * 3, dtype=object)}, "no embeddings"),
    ],
)
def test_other_arrays_are_no_embeddings(tmp_path, changed, reason):
    arrays = {"record_id": np.array(IDS), "embedding": VALUES, "facts": np.array("{}")} | changed
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(InputError, match=reason):
        read_embeddings(tmp_path / "e.npz")


def test_other_files_are_no_embeddings(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "one.npy", VALUES)
    for name, reason in {"text.npz": "no embeddings", "one.npy": "no embeddings", "none.npz": "missing"}.items():
        with pytest.raises(InputError, match=reason):
            read_embeddings(tmp_path / name)
