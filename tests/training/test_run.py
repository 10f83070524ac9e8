from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import ssrl_ecg
from ssrl_ecg.errors import InputError
from ssrl_ecg.training import run
from ssrl_ecg.training.run import as_config, git_commit, peak_memory_mb, run_record, without_folders


@dataclass(frozen=True)
class Inner:
    rate_hz: float = 100.0
    leads: tuple[str, ...] = ("I", "II")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    folder: Path = Path("/home/ann/PTB-XL")
    undefined: float = float("nan")


def read(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def recorded(folder):
    return run_record(folder, command=["ssrl-ecg", "run"], config=Outer(), seed=7, data={"name": "toy", "records": 3})


def test_a_run_leaves_what_is_needed_to_repeat_it(tmp_path):
    folder = tmp_path / "runs" / "one"
    with recorded(folder) as record:
        assert read(folder)["status"] == "running"
        record["auroc"] = np.float32(0.5)
    found = read(folder)
    assert found["status"] == "finished"
    assert found["command"] == ["ssrl-ecg", "run"]
    assert found["config"] == {
        "inner": {"rate_hz": 100.0, "leads": ["I", "II"]},
        "folder": "PTB-XL",
        "undefined": None,
    }
    assert (found["seed"], found["data"], found["auroc"]) == (7, {"name": "toy", "records": 3}, 0.5)
    assert found["versions"]["torch"] == version("torch")
    assert found["versions"].keys() >= {"python", "numpy", "lightning", "ssrl-ecg"}
    assert found["machine"]["cores"] >= 1
    assert found["started"].endswith("+00:00")
    assert found["wall_time_s"] >= 0
    assert found["peak_memory_mb"] > 10
    assert "commit" in found


def test_a_failure_is_recorded_with_its_reason_and_goes_on(tmp_path):
    with pytest.raises(InputError), recorded(tmp_path):
        raise InputError("no such folder", file="/home/ann/PTB-XL")
    assert read(tmp_path)["status"] == "failed: PTB-XL: no such folder"


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "interrupted"), (SystemExit(), "failed: SystemExit"), (OSError("a\nb"), "failed: a")],
)
def test_other_ends_are_recorded_too(error, status, tmp_path):
    with pytest.raises(type(error)), recorded(tmp_path):
        raise error
    assert read(tmp_path)["status"] == status
    assert "wall_time_s" in read(tmp_path)


def test_no_absolute_path_is_written(tmp_path):
    command = ["/usr/bin/ssrl-ecg", "run", "--data=/home/ann/ECG", "--out", str(tmp_path / "out")]
    with run_record(tmp_path, command=command, config={}, seed=0, data={"root": Path("/home/ann/ECG")}) as record:
        record["note"] = {"files": ["see /home/ann/ECG/readme.txt, or C:\\Users\\ann\\ECG\\a.dat"]}
    text = (tmp_path / "run.json").read_text()
    assert "ann" not in text
    assert str(tmp_path.parent) not in text
    assert read(tmp_path)["command"] == ["ssrl-ecg", "run", "--data=ECG", "--out", "out"]
    assert read(tmp_path)["note"]["files"] == ["see readme.txt, or a.dat"]


@pytest.mark.parametrize(
    "text", ["data/PTB-XL", "./runs/demo", "1/2", "and/or", "https://example.org/a/b", "mV/s", "/"]
)
def test_what_stays_in_the_working_folder_or_is_no_path_stays(text):
    assert without_folders(text) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ptbxl:/home/ann/PTB-XL", "ptbxl:PTB-XL"),
        ("~/ECG/PTB-XL", "PTB-XL"),
        ("--out=../ann/a.safetensors", "--out=a.safetensors"),
        ({"a": ["../../home/ann/y", 3, None]}, {"a": ["y", 3, None]}),
    ],
)
def test_what_lies_elsewhere_loses_its_folders(given, kept):
    assert without_folders(given) == kept


def test_configurations_become_plain_values():
    assert as_config({"outer": (Inner(), [1, Inner])}) == {
        "outer": [{"rate_hz": 100.0, "leads": ["I", "II"]}, [1, Inner]]
    }


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two rooms that git_commit takes for this one."""
    folder = tmp_path / "src" / "package"
    for name in ("__init__.py", "training/run.py", "models/cnn.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("as committed")
    monkeypatch.setattr(run, "_PACKAGE", folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return folder


def test_the_commit_is_that_of_the_whole_package():
    assert Path(ssrl_ecg.__file__).parent == run._PACKAGE


def test_there_is_no_commit_outside_a_checkout(package):
    assert git_commit() is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("changed", ["training/run.py", "models/cnn.py"])
def test_the_commit_says_whether_any_room_differs(tmp_path, package, changed):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    notes = tmp_path / "notes.md"
    notes.write_text("beside the package")
    git("init")
    assert git_commit() is None, "the package is not part of the checkout"
    git("add", ".")
    git("commit", "-m", "a")
    commit = git_commit()
    assert commit is not None
    assert len(commit) == 40
    notes.write_text("changed")
    assert git_commit() == commit
    (package / changed).write_text("changed")
    assert git_commit() == f"{commit}+changes"


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None


def test_the_allocator_is_asked_in_a_process_of_its_own():
    code = "from ssrl_ecg.training.run import tune_allocator; print(tune_allocator())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() in ("True", "False")
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        assert ended.stdout.strip() == "True"


@pytest.mark.parametrize("library", [OSError, AttributeError])
def test_another_c_library_is_left_alone(library, monkeypatch):
    def load(name):
        raise library

    monkeypatch.setattr(run.ctypes, "CDLL", load)
    assert run.tune_allocator() is False


def test_peak_memory_never_falls():
    before = peak_memory_mb()
    block = np.ones(30_000_000)
    assert block.sum() == 30_000_000
    del block
    assert peak_memory_mb() >= max(before, 200)
