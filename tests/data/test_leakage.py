from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.combined import CombinedStore
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.leakage import audit, audit_splits
from ssrl_ecg.data.source import Layout, SignalFile, Source
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import build_store
from ssrl_ecg.signals.leads import LEADS

TRAIN, TEST = 1, 10


class Cohort(Source):
    """Recordings of noise, chosen by number: equal numbers are one recording."""

    name = "ptbxl"

    def __init__(self, root, recordings, patients, folds, same_as=None):
        self.root, self.recordings, self.expected = root, recordings, Layout(100.0, 1000)
        n = range(len(recordings))
        columns = {
            "record_id": [str(k + 1) for k in n],
            "patient_id": patients,
            "fold": folds,
            "path": [str(k) for k in n],
        }
        self.table = pd.DataFrame(columns | ({"same_as": same_as} if same_as else {}))

    def records(self):
        return self.table

    def read(self, record):
        number = self.recordings[int(record.path)]
        return SignalFile(np.random.default_rng(number).standard_normal((12, 1000)).astype(np.float32), 100.0, LEADS)

    def label_sets(self, records):
        nothing = np.zeros((len(records), 1), np.uint8)
        return {"none": Labels("none", ("never",), nothing, np.zeros(len(records), np.bool_), "binary")}

    def fingerprint(self):
        return f"{self.root}"


class Other(Cohort):
    """The same from elsewhere."""

    name = "elsewhere"


@pytest.fixture
def build(tmp_path):
    def build(kind, *what):
        root = tmp_path / f"{kind.__name__}-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        return build_store(kind(root, *what), root / "store").store

    return build


def _audited(store):
    fold = store.records["fold"].to_numpy()
    return audit(store, np.flatnonzero(fold != TEST), np.flatnonzero(fold == TEST))


def test_nothing_is_found_where_nothing_is(build):
    found = _audited(build(Cohort, range(6), list("aabbcc"), [TRAIN] * 4 + [TEST] * 2))
    assert found.train.tolist() == [0, 1, 2, 3]
    assert len(found.excluded) == len(found.duplicates) == 0
    assert found.verdict == (
        "leakage audit: 4 recordings to train on, 2 held out, no patient in both; "
        "0 pairs of duplicates, 0 with a held-out one; 0 excluded"
    )


def test_copies_of_held_out_recordings_go_with_their_patients_and_other_copies_are_named(build):
    here = build(Cohort, [1, 2, 3, 3, 4], list("abcde"), [TRAIN, TEST, TRAIN, TRAIN, TRAIN])
    there = build(Other, [2, 7, 1, 8], list("xxyz"), [-1] * 4)
    found = _audited(CombinedStore.of([here, there]))
    assert found.train.tolist() == [0, 2, 3, 4, 7, 8]
    assert dict(found.excluded.to_numpy().tolist()) == {
        "elsewhere:1": "it is a held-out recording",
        "elsewhere:2": "its patient is held out",
    }
    pairs = {(one.first, one.second): one for one in found.duplicates.itertuples()}
    assert set(pairs) == {("ptbxl:2", "elsewhere:1"), ("ptbxl:3", "ptbxl:4"), ("ptbxl:1", "elsewhere:3")}
    assert [one.between for one in pairs.values()] == [key[1].startswith("else") for key in pairs]
    assert pairs["ptbxl:2", "elsewhere:1"].first_part == "held out"
    assert all(one.found_by == "signal" and one.correlation > 0.999 for one in pairs.values())


def test_headers_are_believed_and_unknown_originals_are_not_trained_on(build):
    here = build(Cohort, [1, 2], list("ab"), [TRAIN, TEST])
    same_as = ["ptbxl:1", "ptbxl:2", "ptbxl:99", ""]
    found = _audited(CombinedStore.of([here, build(Other, [1, 12, 13, 14], list("wxyz"), [-1] * 4, same_as)]))
    assert found.train.tolist() == [0, 2, 5]
    assert found.excluded["reason"].tolist() == ["it is a held-out recording", "its original is not at hand"]
    assert found.duplicates["found_by"].tolist() == ["header", "header"]
    assert found.duplicates["correlation"].tolist() == [pytest.approx(1, abs=1e-3), pytest.approx(np.nan, nan_ok=True)]
    alone = _audited(build(Other, [1, 12], list("wx"), [-1] * 2, ["ptbxl:1", ""]))
    assert alone.train.tolist() == [1]


def test_a_patient_in_both_parts_is_taken_out_of_training(build):
    found = _audited(build(Cohort, range(4), list("aabb"), [TRAIN, TRAIN, TRAIN, TEST]))
    assert found.train.tolist() == [0, 1]
    assert found.excluded.to_numpy().tolist() == [["3", "its patient is held out"]]


def test_verdict_and_list_agree(build, tmp_path):
    found = _audited(build(Cohort, [1, 1, 2, 2, 3], list("abcde"), [TRAIN, TEST, TRAIN, TRAIN, TRAIN]))
    said = found.to_dict()
    assert json.loads(json.dumps(said)) == said
    assert said["n_excluded"] == {"it is a held-out recording": 1}
    assert said["first_excluded"] == ["1"]
    assert said["first_duplicates"] == [["1", "2"], ["3", "4"]]
    assert (said["n_duplicates_within_collections"], said["n_duplicates_between_collections"]) == (2, 0)
    found.write(tmp_path)
    with open(tmp_path / said["all"]) as file:
        rows = list(csv.DictReader(file))
    assert [(row["what"], row["first"], row["second"]) for row in rows] == [
        ("excluded", "1", ""), ("duplicates", "1", "2"), ("duplicates", "3", "4")]  # fmt: skip


def test_splits_lose_those_who_copy_a_recording_that_any_of_them_holds_out(build):
    store = build(Cohort, [1, 2, 3, 1, 2], list("abcde"), [TRAIN] * 3 + [TEST] * 2)
    rows = np.arange(5)
    splits = [Split(rows[:3], rows[3:4], rows[4:]), Split(rows[:3], rows[4:], rows[3:4])]
    kept, found = audit_splits(store, splits)
    assert [split.train.tolist() for split in kept] == [[2], [2]]
    assert [split.test.tolist() for split in kept] == [[4], [3]]
    assert found.excluded["record_id"].tolist() == ["1", "2"]
