"""Two processes are one process with the doubled batch, as far as batch norm and random views leave it comparable."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
SCRIPT = Path(__file__).with_name("distributed_script.py")


def pretrained(store, folder: Path, devices: int, batch_size: int) -> list[dict[str, np.ndarray]]:
    """What each process wrote."""
    folder.mkdir()
    words = [sys.executable, str(SCRIPT), str(store.path), str(folder), str(devices), str(batch_size)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout + ended.stderr == "", "a quiet run says nothing"
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(devices)]


@pytest.mark.slow
def test_two_processes_train_like_one_with_the_doubled_batch(store, tmp_path):
    first, second = pretrained(store, tmp_path / "two", devices=2, batch_size=8)
    (one,) = pretrained(store, tmp_path / "one", devices=1, batch_size=16)

    assert first["rows"].shape == second["rows"].shape == (6, 8)
    np.testing.assert_array_equal(np.hstack([first["rows"], second["rows"]]), one["rows"])
    for epoch in one["rows"].reshape(2, -1):
        assert len(set(epoch)) == 48

    weights = [name for name in one if name not in ("rows", "losses")]
    assert len(weights) == 6
    for name in weights:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        np.testing.assert_allclose(first[name], one[name], atol=1e-5, rtol=0, err_msg=name)
    np.testing.assert_allclose(first["losses"], one["losses"], rtol=1e-5)

    for folder in ("one", "two"):
        with (tmp_path / folder / "run" / "history.csv").open(newline="") as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
