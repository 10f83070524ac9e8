from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from ssrl_ecg.methods.gather import gather_with_gradient


def test_one_process_keeps_its_tensor():
    tensor = torch.randn(3, 2, requires_grad=True)
    assert gather_with_gradient(tensor) is tensor


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_give_the_gradients_and_queues_of_one_big_batch(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)  # the spawned processes import the worker by its name
    worker = importlib.import_module("two_process_worker")
    multiprocessing.spawn(worker.run, args=(str(tmp_path),), nprocs=2)

    expected: dict[str, torch.Tensor] = {}
    for name in worker.SETTINGS:
        expected |= worker.two_steps(name, slice(None), lambda step: step)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found.keys() == expected.keys()
        for name in expected:
            torch.testing.assert_close(
                found[name], expected[name], atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
            )
