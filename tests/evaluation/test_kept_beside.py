"""What was found in a store is kept beside it, until the store or the finder is another one."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation import kept_beside as module
from ssrl_ecg.evaluation.kept_beside import kept_beside


@pytest.fixture
def store(synthetic_store, tmp_path):
    shutil.copytree(synthetic_store.path, tmp_path / "store")
    return RecordStore.open(tmp_path / "store")


@pytest.fixture
def find():
    """Find another number each time."""
    finds = []

    def find():
        finds.append(len(finds))
        return {"number": np.array([finds[-1], np.nan]), "names": np.array(["a", "bc"])}

    return find


def test_what_was_found_is_not_looked_for_again(store, find):
    first, again = kept_beside(store, "things", find), kept_beside(RecordStore.open(store.path), "things", find)
    assert first.keys() == again.keys() == {"number", "names"}
    np.testing.assert_array_equal(again["number"], [0, np.nan])
    assert again["names"].tolist() == ["a", "bc"]
    assert kept_beside(store, "others", find)["number"][0] == 1
    assert {"others.npz", "things.npz"} <= {path.name for path in store.path.glob("*.npz")}


def test_another_source_or_version_looks_again(store, find, monkeypatch):
    kept_beside(store, "things", find)
    another = replace(store, facts=replace(store.facts, fingerprint="another"))
    assert kept_beside(another, "things", find)["number"][0] == 1
    monkeypatch.setattr(module, "signals_version", lambda: "another")
    assert kept_beside(another, "things", find)["number"][0] == 2
    assert kept_beside(another, "things", find)["number"][0] == 2


def test_a_store_that_cannot_be_written_to_is_looked_at_each_time(store, find, monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(module, "atomic_path", refuse)
    assert [kept_beside(store, "things", find)["number"][0] for _ in range(2)] == [0, 1]
