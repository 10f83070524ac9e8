from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.files import atomic_path, jsonable, remove_unfinished, write_json


def test_the_target_appears_at_the_end_with_a_folder_of_its_own(tmp_path):
    target = tmp_path / "new" / "folder" / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("content")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "content"
    assert os.listdir(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failing_block_changes_nothing(error, tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write_and_fail():
        with atomic_path(target) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_two_writers_do_not_share_a_temporary_name(tmp_path):
    target = tmp_path / "file.txt"
    with atomic_path(target) as one, atomic_path(target) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert target.read_text() == "one"


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "file.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.json").stat().st_mode) == 0o640


def test_leftovers_of_this_target_alone_are_removed(tmp_path):
    for name in (".a.json.0123.part", ".b.json.0123.part", "a.json", "a.json.part"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path / "a.json")
    assert sorted(os.listdir(tmp_path)) == [".b.json.0123.part", "a.json", "a.json.part"]
    remove_unfinished(tmp_path / "no such folder" / "a.json")


def test_what_json_does_not_know_becomes_what_it_knows():
    value = {
        1: np.float32(0.5),
        "matrix": np.array([[1, 2], [3, 4]], dtype=np.int16),
        "undefined": (float("nan"), np.float64("inf"), np.array([1.0, np.nan])),
        "flag": np.bool_(True),
        "names": frozenset({"b", "a"}),
        "path": Path("a") / "b",
        "text": "ä",
        "none": None,
    }
    assert jsonable(value) == {
        "1": 0.5,
        "matrix": [[1, 2], [3, 4]],
        "undefined": [None, None, [1.0, None]],
        "flag": True,
        "names": ["a", "b"],
        "path": "a/b",
        "text": "ä",
        "none": None,
    }


def test_json_is_utf8_and_reads_back(tmp_path):
    write_json(tmp_path / "file.json", {"text": "µV", "n": 1})
    content = (tmp_path / "file.json").read_bytes()
    assert "µV".encode() in content
    assert content.endswith(b"}\n")
    assert json.loads(content) == {"text": "µV", "n": 1}


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "file.json", {"n": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "file.json", {"n": object()})
    assert json.loads((tmp_path / "file.json").read_text()) == {"n": 1}
    assert os.listdir(tmp_path) == ["file.json"]
