"""The referee's mistakes end in one line before anything is fitted; its own siblings are found."""

import json

import numpy as np
import pytest


@pytest.fixture
def words(data_flags, tmp_path):
    """Words of a benchmark whose files do not fit the data."""
    np.save(tmp_path / "mine.npy", np.zeros((2, 3), np.float32))
    (tmp_path / "ids.csv").write_text("record_id\n1\nnobody\n")
    files = ("--features", tmp_path / "mine.npy", "--ids", tmp_path / "ids.csv", "--out", tmp_path / "out")
    return ("benchmark", *data_flags, *files)


def test_files_that_do_not_fit_are_refused_and_nothing_is_written(refused, words, tmp_path):
    assert "1 ids are of no record of the data (field record_id, found nobody)" in refused(*words)
    (tmp_path / "ids.csv").write_text("record_id\n1\n2\n")
    assert "training or test records are missing" in refused(*words)
    assert "has not one row per id" in refused(*words, "--ids", _ids(tmp_path, 3))
    (tmp_path / "mine.npy").write_bytes(b"no array")
    assert "mine.npy: is no NumPy array" in refused(*words)
    assert not (tmp_path / "out").exists()


def _ids(folder, n):
    (folder / "more.csv").write_text("\n".join(["record_id", *map(str, range(1, n + 1))]) + "\n")
    return folder / "more.csv"


def test_flags_that_do_not_fit_are_refused(refused, words):
    assert "invalid choice" in refused(*words, "--floors", "nonsense").lower()
    assert "invalid choice" in refused(*words, "--validation", "some").lower()


def test_ids_are_written(ssrl_ecg, data_flags, tmp_path):
    outcome = ssrl_ecg("benchmark", "ids", *data_flags, "--out", tmp_path / "ids.json")
    assert outcome.code == 0
    ids = json.loads((tmp_path / "ids.json").read_text())
    assert ids["sha256"] in outcome.out
    assert set(ids["test"]) == {"10"}
    training = set(ids["training"])
    assert all(set(subset) <= training for subset in ids["subsets"].values())
