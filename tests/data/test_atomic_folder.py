from __future__ import annotations

import os

import pytest

from ssrl_ecg.data import atomic_folder
from ssrl_ecg.data.atomic_folder import replacing_folder


def content(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def fail_halfway(folder):
    with replacing_folder(folder) as building:
        (building / "new.txt").write_text("half")
        raise RuntimeError("halfway")


def test_replaces_when_complete(tmp_path):
    target = tmp_path / "target"
    for text in ("old", "new"):
        with replacing_folder(target) as building:
            (building / f"{text}.txt").write_text(text)
            assert not (target / "new.txt").exists()
    assert content(target) == {"new.txt": "new"}
    assert os.listdir(tmp_path) == ["target"]


def test_a_failure_leaves_the_old_folder(tmp_path):
    with replacing_folder(tmp_path / "target") as building:
        (building / "old.txt").write_text("old")
    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway(tmp_path / "target")
    assert content(tmp_path / "target") == {"old.txt": "old"}
    assert os.listdir(tmp_path) == ["target"]


def test_the_last_of_two_that_overlap_stays(tmp_path):
    with replacing_folder(tmp_path / "target") as outer:
        with replacing_folder(tmp_path / "target") as inner:
            (inner / "inner.txt").write_text("inner")
        (outer / "outer.txt").write_text("outer")
        assert content(tmp_path / "target") == {"inner.txt": "inner"}
    assert content(tmp_path / "target") == {"outer.txt": "outer"}
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("intruder", [False, True])
def test_a_move_that_fails_puts_the_old_folder_back_or_tries_again(tmp_path, monkeypatch, intruder):
    target = tmp_path / "target"
    with replacing_folder(target) as building:
        (building / "old.txt").write_text("old")
    rename, refused = os.rename, []

    def refuse_once(source, destination):
        if destination == target and "building" in str(source) and not refused:
            refused.append(source)
            if intruder:
                target.mkdir()
            raise OSError("refused")
        rename(source, destination)

    monkeypatch.setattr(atomic_folder.os, "rename", refuse_once)
    if intruder:
        with replacing_folder(target) as building:
            (building / "new.txt").write_text("new")
        assert content(target) == {"new.txt": "new"}
    else:
        with pytest.raises(OSError, match="refused"), replacing_folder(target):
            pass
        assert content(target) == {"old.txt": "old"}
    assert os.listdir(tmp_path) == ["target"]


def test_leftovers_of_other_machines_and_running_processes_stay(tmp_path):
    kept = [".target.building-elsewhere-1-ab", f".target.building-{os.uname().nodename}-{os.getppid()}-ab"]
    for name in kept:
        (tmp_path / name).mkdir()
    with replacing_folder(tmp_path / "target"):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "target"])
