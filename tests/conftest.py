"""Shared fixtures: one torch thread and one process per worker, and where the real recordings are."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # comparisons take no more cores than the worker has, unless told to


@pytest.fixture(autouse=True)
def one_torch_thread() -> Iterator[None]:
    """A worker has one core, and forked trainings need a process without OpenMP's threads; MiniRocket leaves more."""
    yield
    torch.set_num_threads(1)


def _data_root() -> Path | None:
    value = os.environ.get("SSRL_ECG_DATA")
    return Path(value).resolve() if value else None


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real recordings; the test is skipped, with the reason, when it is not named."""
    root = _data_root()
    if root is None:
        pytest.skip("real-data test: SSRL_ECG_DATA does not name a folder")
    if not root.is_dir():
        pytest.fail(f"SSRL_ECG_DATA names {root}, which is not a folder")
    return root


@pytest.fixture(scope="session")
def ptbxl_root(data_root: Path) -> Path:
    return data_root / "ptbxl-sample"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what drives a program that is not installed; where SSRL_ECG_PROGRAMS names it, that is a failure."""
    for mark in item.iter_markers("program"):
        if not any(map(shutil.which, mark.args)):
            is_demanded = mark.args[0] in os.environ.get("SSRL_ECG_PROGRAMS", "").split()
            (pytest.fail if is_demanded else pytest.skip)(f"{mark.args[0]} is not installed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _data_root() is None:
        terminalreporter.write_sep("!", "SSRL_ECG_DATA is not set: no test has touched a real recording", red=True)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def ctrl_c_handler() -> Iterator[object]:
    """Python's own answer to Ctrl-C, which processes started in the background of a shell do not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)
