"""Cells on a Ray cluster that is started on this machine."""

import os
import signal
import sys
from functools import partial

import cloudpickle
import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import cell_path, read_cell
from ssrl_ecg.evaluation.run_log import read_log
from ssrl_ecg.evaluation.runner import Execution, run_cells

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def draw(k, died, fatal):
    if k == 1 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if k == 2:
        raise ZeroDivisionError("no such number")
    if k in fatal:
        raise OSError(28, "No space left on device")
    return {"x": np.random.default_rng(k).normal(size=5), "pid": os.getpid()}


def jobs_of(numbers, died, fatal=()):
    return [CellJob("a", f"cell-{k}", str(k), partial(draw, k, died, fatal)) for k in numbers]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path, monkeypatch):
    """Cell 1 kills its actor once; it is computed by another, and a job's own mistake is no death."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 by default, which waits for ever on a busy machine
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        how = Execution(workers=None, ray="auto", progress=False)
        outcomes = run_cells(jobs_of(range(6), tmp_path / "died"), tmp_path / "results", how)
        assert ray.is_initialized()
        with pytest.raises(OSError, match=r"\[Errno 28\] No space left on device"):
            run_cells(jobs_of([7], tmp_path / "died", fatal=(7,)), tmp_path / "full", how)
    finally:
        ray.shutdown()
    assert [(one.name, one.reason) for one in outcomes.failures] == [("cell-2", "ZeroDivisionError: no such number")]
    found = {k: read_cell(cell_path(tmp_path / "results", "a", f"cell-{k}"))[0] for k in (0, 1, 3, 4, 5)}
    for k, arrays in found.items():
        np.testing.assert_array_equal(arrays["x"], np.random.default_rng(k).normal(size=5))
    assert os.getpid() not in {int(one["pid"]) for one in found.values()}
    run = read_log(tmp_path / "results").last_run
    assert (run.workers, run.where, run.ended) == (2, "Ray cluster auto", "finished")


def test_without_ray_one_line_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'ssrl-ecg\[ray\]'"):
        run_cells(jobs_of([0], tmp_path), tmp_path / "results", Execution(ray="auto", progress=False))


def test_a_cluster_that_does_not_answer_is_named(tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"no Ray cluster answers \(field ray"):
        run_cells(jobs_of([0], tmp_path), tmp_path / "results", Execution(ray="nonsense:1:2", progress=False))
