import json
import os
import platform
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import cell_path, run_folders
from ssrl_ecg.evaluation.run_log import LOG, time_left_s
from ssrl_ecg.evaluation.run_status import read_status, status_lines
from ssrl_ecg.evaluation.runner import Execution, run_cells


def draw(k):
    if k == 2:
        raise ZeroDivisionError("no such number")
    return {"x": np.full(3, k)}


@pytest.fixture
def folder(tmp_path):
    """Two groups of three cells: one failed in each, one was lost and one cut short."""
    cells = [(group, k) for group in ("one", "another") for k in range(3)]
    jobs = [CellJob(group, f"cell-{k}", f"{group} {k}", partial(draw, k)) for group, k in cells]
    run_cells(jobs, tmp_path, Execution(progress=False))
    cell_path(tmp_path, "one", "cell-0").unlink()
    cut = cell_path(tmp_path, "another", "cell-1")
    cut.write_bytes(cut.read_bytes()[:50])
    return tmp_path


def change_diary(folder, **facts):
    """As if the run, with other facts, had been killed while it wrote a line."""
    lines = [line for line in (folder / LOG).read_text().splitlines() if line.endswith("}")]
    entries = [entry for entry in map(json.loads, lines) if entry["event"] != "end"]
    changed = [entry | (facts if entry["event"] == "run" else {}) for entry in entries]
    (folder / LOG).write_text("".join(json.dumps(entry) + "\n" for entry in changed) + '{"event": "ce')


def test_cells_are_counted_by_state(folder):
    status = read_status(folder)
    assert dict(status.cells["one"]) == {"open": 1, "done": 1, "failed": 1}
    assert dict(status.cells["another"]) == {"done": 1, "open": 1, "failed": 1}
    assert dict(status.total) == {"open": 2, "done": 2, "failed": 2}
    lines = status_lines(status)
    assert lines[3].split() == ["all", "cells", "2", "2", "2"]
    assert lines[-2:] == [f"failed: {group}, cell-2: ZeroDivisionError: no such number" for group in ("one", "another")]
    assert "nobody runs; the last run finished" in lines[4]
    assert "open cells take about 0:00:0" in lines[4]


def test_who_runs_is_told_apart_from_who_was_killed(folder):
    change_diary(folder, pid=os.getpid(), workers=4)
    assert f"running: process {os.getpid()} on {platform.node()}, 4 at once" in status_lines(read_status(folder))[4]
    change_diary(folder, pid=2**22 + 1)
    assert "nobody runs; the last run was killed" in status_lines(read_status(folder))[4]
    change_diary(folder, host="elsewhere")
    assert "perhaps running on another machine: " in status_lines(read_status(folder))[4]
    run_cells([CellJob("one", "cell-0", "one 0", partial(draw, 0))], folder, Execution(progress=False))
    assert "nobody runs; the last run finished" in status_lines(read_status(folder))[3]
    (folder / LOG).unlink()
    assert status_lines(read_status(folder))[3] == "no diary of a run"


def test_time_left_is_the_sum_of_the_medians_over_the_workers():
    seconds = {"quick": {"a": 1.0, "b": 3.0, "c": 100.0}, "slow": {"a": 50.0}}
    assert time_left_s(seconds, {"quick": 4, "slow": 2}, 2) == (4 * 3 + 2 * 50) / 2
    assert time_left_s(seconds, {"unknown": 1}, 8) == float(np.median([1, 3, 100, 50]))
    assert time_left_s({}, {"quick": 1}, 2) is None
    assert time_left_s({}, {"quick": 0}, 2) == 0


def test_the_command_prints_it(folder, capsys):
    assert main(["benchmark", "status", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == status_lines(read_status(folder))
    assert main(["benchmark", "status", str(folder / "cells")]) == 2
    assert "no results of a run here" in capsys.readouterr().err
    with pytest.raises(InputError, match="no results of a run"):
        read_status(folder / "nowhere")


def test_tracks_and_splits_in_a_folder_are_shown_one_by_one(folder, tmp_path_factory, capsys):
    whole = tmp_path_factory.mktemp("whole")
    for name in ("fold", "none"):
        shutil.copytree(folder, whole / name)
    assert main(["benchmark", "status", str(whole)]) == 0
    lines = status_lines(read_status(folder))
    assert capsys.readouterr().out.splitlines() == ["fold:", *lines, "none:", *lines]
    assert run_folders(whole.parent / "nowhere") == [whole.parent / "nowhere"]
    (whole / "runs" / "split-00").mkdir(parents=True)
    shutil.copytree(folder, whole / "runs" / "split-01")
    assert run_folders(whole / "runs") == [whole / "runs" / "split-01"]
    assert run_folders(whole / "fold") == [whole / "fold"]
    shutil.rmtree(whole / "fold")
    shutil.rmtree(whole / "none")
    assert run_folders(whole) == [whole / "runs" / "split-01"]


def test_the_command_loads_no_torch(folder):
    code = f"import sys; from ssrl_ecg.cli.main import main; main(['benchmark', 'status', {str(folder)!r}]); "
    assert subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"]).returncode == 0
