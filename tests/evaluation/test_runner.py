"""The runner on cells that take no time: who computes them must not matter, nor what goes wrong on the way."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import cloudpickle
import numpy as np
import pytest
from loky import process_executor

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import cell_path, failures_of, group_folder, read_cell
from ssrl_ecg.evaluation.run_log import read_log
from ssrl_ecg.evaluation.runner import Execution, run_cells

cloudpickle.register_pickle_by_value(sys.modules[__name__])
QUIET = Execution(progress=False)


class Counted:
    """Something jobs share: it says how often it was asked in this process."""

    def __init__(self):
        self.times = 0

    def draw(self, seed):
        self.times += 1
        return {"x": np.random.default_rng(seed).normal(size=5), "times": self.times}


def jobs_of(compute, *, groups=("a", "b"), n=3, settings=1):
    return [
        CellJob(group, f"cell-{k}", f"{settings} {group} {k}", partial(compute, k))
        for group in groups
        for k in range(n)
    ]


def draw(k):
    return {"x": np.random.default_rng(k).normal(size=5)}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.npz"))}


def test_cells_are_computed_once_and_kept(tmp_path):
    shared = Counted()
    first = run_cells(jobs_of(shared.draw), tmp_path, QUIET)
    assert (first.n_kept, first.n_computed, first.failures) == (0, 6, ())
    again = run_cells(jobs_of(shared.draw, n=4), tmp_path, QUIET)
    assert (again.n_kept, again.n_computed, shared.times) == (6, 2, 8)
    arrays, identity = read_cell(cell_path(tmp_path, "a", "cell-2"))
    assert identity == "1 a 2"
    np.testing.assert_array_equal(arrays["x"], draw(2)["x"])


def noise(k):
    import torch

    generator = torch.Generator().manual_seed(k)
    wide = torch.randn(300, 3000, generator=generator)
    blas = np.random.default_rng(k).normal(size=(200, 200))
    return {"x": (wide @ wide.T).sum(dim=1).numpy(), "y": np.linalg.eigvalsh(blas @ blas.T)}


def test_processes_give_the_same_bytes_as_one_after_the_other(tmp_path):
    run_cells(jobs_of(noise), tmp_path / "here", QUIET)
    run_cells(jobs_of(noise), tmp_path / "there", Execution(workers=2, progress=False))
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert read_log(tmp_path / "there").last_run.workers == 2


def shaky(shared, k):
    if k == 1:
        raise ZeroDivisionError("no\nsuch number")
    if k == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return shared.draw(k) | {"pid": os.getpid()}


def test_a_cell_fails_alone_and_what_a_group_shares_is_made_once_per_worker(tmp_path):
    """One raises, one kills its process again and again; all others of their group are there."""
    jobs = jobs_of(partial(shaky, Counted()), groups=("a",), n=5)
    outcomes = run_cells(jobs, tmp_path, Execution(workers=2, progress=False))
    reasons = {one.name: one.reason for one in outcomes.failures}
    assert reasons.keys() == {"cell-1", "cell-2"}
    assert reasons["cell-1"] == "ZeroDivisionError: no such number"
    assert "its process died 3 times" in reasons["cell-2"]
    assert outcomes.n_computed == 3
    assert list(outcomes.failures) == failures_of(tmp_path)
    found = [read_cell(path)[0] for path in group_folder(tmp_path, "a").glob("*.npz")]
    for pid in {int(one["pid"]) for one in found}:
        times = [int(one["times"]) for one in found if one["pid"] == pid]
        assert sorted(times) == list(range(1, len(times) + 1))


def test_failed_cells_are_tried_again_when_asked_and_their_note_goes(tmp_path):
    broken = {1}

    def compute(k):
        if k in broken:
            raise RuntimeError("not yet")
        return draw(k)

    assert len(run_cells(jobs_of(compute), tmp_path, QUIET).failures) == 2
    details = json.loads((group_folder(tmp_path, "a") / "cell-1.failed.json").read_text())["details"]
    assert "RuntimeError" in details
    assert str(tmp_path.home()) not in details
    broken.clear()
    kept = run_cells(jobs_of(compute), tmp_path, QUIET)
    assert (kept.n_computed, len(kept.failures)) == (0, 2)
    again = run_cells(jobs_of(compute), tmp_path, Execution(retry_failed=True, progress=False))
    assert (again.n_computed, again.failures) == (2, ())
    assert not list(tmp_path.rglob("*.failed.json"))


def test_what_needs_a_failed_cell_fails_with_its_reason_and_the_rest_goes_on(tmp_path):
    def diverge(k):
        raise FloatingPointError("the loss is nan")

    jobs = [
        CellJob("pretraining", "bad", "0", partial(diverge, 0)),
        CellJob("pretraining", "good", "1", partial(draw, 1)),
        CellJob("probe", "of-bad", "2", partial(draw, 2), needs=(("pretraining", "bad"),)),
        CellJob("probe", "of-good", "3", partial(draw, 3), needs=(("pretraining", "good"),)),
    ]
    for _ in range(2):
        outcomes = run_cells(jobs, tmp_path, QUIET)
        assert [one.name for one in outcomes.failures] == ["bad", "of-bad"]
        assert outcomes.failures[1].reason == "pretraining bad failed: FloatingPointError: the loss is nan"
        assert cell_path(tmp_path, "probe", "of-good").is_file()


def test_what_only_serves_others_is_computed_while_one_of_them_is_missing(tmp_path):
    order = []

    def compute(k):
        order.append(k)
        return draw(k)

    jobs = [
        CellJob("probe", "x", "1", partial(compute, 1), needs=(("pretraining", "y"),)),
        CellJob("pretraining", "y", "0", partial(compute, 0)),
    ]
    run_cells(jobs, tmp_path, QUIET)
    assert order == [0, 1]
    cell_path(tmp_path, "pretraining", "y").unlink()
    run_cells(jobs, tmp_path, QUIET)
    assert order == [0, 1]
    cell_path(tmp_path, "probe", "x").unlink()
    run_cells(jobs, tmp_path, QUIET)
    assert order == [0, 1, 0, 1]


def test_cells_cut_short_are_computed_again_with_a_warning(tmp_path):
    run_cells(jobs_of(draw), tmp_path, QUIET)
    whole = contents(tmp_path)
    for name, keep in (("cell-0", 0), ("cell-1", 40), ("cell-2", -30)):
        path = cell_path(tmp_path, "a", name)
        path.write_bytes(path.read_bytes()[:keep])
    flipped = cell_path(tmp_path, "b", "cell-0")
    middle = len(flipped.read_bytes()) // 2
    flipped.write_bytes(flipped.read_bytes()[:middle] + b"????" + flipped.read_bytes()[middle + 4 :])
    with pytest.warns(UserWarning, match=r"cell-0\.npz is damaged and is computed again") as warned:
        outcomes = run_cells(jobs_of(draw), tmp_path, QUIET)
    assert len(warned) == outcomes.n_computed == 4
    assert contents(tmp_path) == whole


def test_cells_of_other_settings_are_refused_before_anything_is_written_or_replaced(tmp_path):
    run_cells(jobs_of(draw), tmp_path, QUIET)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"other settings, data or code.*--replace.*6 of 6 cells, such as a cell-0"):
        run_cells(jobs_of(draw, settings=2), tmp_path, QUIET)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    outcomes = run_cells(jobs_of(draw, settings=2), tmp_path, Execution(replace=True, progress=False))
    assert outcomes.n_computed == 6
    assert read_cell(cell_path(tmp_path, "a", "cell-0"))[1] == "2 a 0"


def test_one_computation_is_not_two_cells(tmp_path):
    jobs = [CellJob("a", f"seed-{number}", "the same", partial(draw, 42)) for number in range(2)]
    with pytest.raises(InputError, match=r"count twice.*field a, found seed-0 and seed-1"):
        run_cells(jobs, tmp_path, QUIET)
    with pytest.raises(InputError, match="field a, found x and x"):
        run_cells([CellJob("a", "x", str(k), partial(draw, k)) for k in range(2)], tmp_path, QUIET)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results").chmod(0o555)
    if os.access(tmp_path / "results", os.W_OK):  # the superuser may write anywhere, but not below a file
        (tmp_path / "results").rmdir()
        (tmp_path / "results").write_text("a file")
    with pytest.raises(InputError, match="results: results cannot be written here"):
        run_cells(jobs_of(draw), tmp_path / "results", QUIET)


def test_a_full_disk_ends_the_run_instead_of_failing_every_cell(tmp_path):
    def full(k):
        raise OSError(28, "No space left on device")

    for workers in (1, 2):
        with pytest.raises(OSError, match="No space left"):
            run_cells(jobs_of(full), tmp_path, Execution(workers=workers, progress=False))
    assert not list(tmp_path.rglob("*.failed.json"))
    assert read_log(tmp_path).last_run.ended == "stopped"


def leak_bound(k):
    return {"bytes": np.array(process_executor._MAX_MEMORY_LEAK_SIZE)}


def test_a_worker_that_keeps_what_jobs_share_is_not_taken_for_a_leak(tmp_path):
    assert process_executor._MAX_MEMORY_LEAK_SIZE < 1e10, "loky no longer has this bound"
    run_cells(jobs_of(leak_bound, n=1), tmp_path, Execution(workers=2, progress=False))
    assert read_cell(cell_path(tmp_path, "a", "cell-0"))[0]["bytes"] == sys.maxsize


def test_warnings_of_workers_come_through_once(tmp_path):
    def warn(k):
        import warnings

        warnings.warn("a thing to know", stacklevel=1)
        return draw(k)

    with pytest.warns(UserWarning, match="a thing to know") as warned:
        run_cells(jobs_of(warn), tmp_path, Execution(workers=2, progress=False))
    assert len(warned) == 1


SLOW_RUN = """
    import signal, sys, time
    from functools import partial
    from pathlib import Path
    import numpy as np
    from ssrl_ecg.evaluation.cell_jobs import CellJob
    from ssrl_ecg.evaluation.runner import Execution, run_cells

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs tests in the background ignores it

    def draw(k):
        time.sleep(1)
        return {"x": np.random.default_rng(k).normal(size=5)}

    jobs = [CellJob(group, f"cell-{k}", f"{group} {k}", partial(draw, k)) for group in "ab" for k in range(12)]
    run_cells(jobs, Path(sys.argv[1]), Execution(workers=2, progress=False))
"""


def start(folder):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(SLOW_RUN), str(folder)], start_new_session=True)


def wait_for_cells(folder, count):
    for _ in range(600):
        if len(list(folder.rglob("*.npz"))) >= count:
            return
        time.sleep(0.05)
    pytest.fail("no cells came")


def wait_for_the_end(run):
    """Until no process of its group is left: workers notice within a second that nobody waits for them."""
    for _ in range(200):
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("workers outlive their run")


@pytest.mark.slow
def test_a_killed_run_goes_on_without_losing_a_finished_cell(tmp_path):
    run = start(tmp_path)
    wait_for_cells(tmp_path, 4)
    with pytest.raises(InputError, match=f"another run is at work.*process {run.pid}"):
        run_cells(jobs_of(draw), tmp_path, QUIET)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_for_the_end(run)
    finished = contents(tmp_path)
    assert 4 <= len(finished) < 24
    assert read_log(tmp_path).last_run.is_alive is False
    assert start(tmp_path).wait(120) == 0
    after = contents(tmp_path)
    assert len(after) == 24
    assert all(after[name] == content for name, content in finished.items())
    for name in after:
        np.testing.assert_array_equal(read_cell(tmp_path / name)[0]["x"], draw(int(name.stem[5:]))["x"])
    assert len(read_log(tmp_path).seconds["a"]) == 12


def test_ctrl_c_ends_the_workers_and_says_so(tmp_path):
    run = start(tmp_path)
    wait_for_cells(tmp_path, 2)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(30) != 0
    assert read_log(tmp_path).last_run.ended == "interrupted"
    wait_for_the_end(run)
