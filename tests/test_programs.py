"""Tests that drive a program which is not here are skipped, unless this machine is said to have it."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

HOOK = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["pytest_runtest_setup"]


def driving(*names):
    return SimpleNamespace(iter_markers=lambda _: [pytest.mark.program(*names).mark])


def test_what_is_not_installed_is_skipped_or_where_it_was_demanded_failed(monkeypatch):
    monkeypatch.delenv("SSRL_ECG_PROGRAMS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="nosuch is not installed"):
        HOOK(driving("nosuch", "neither"))
    HOOK(driving("nosuch", "sh"))
    monkeypatch.setenv("SSRL_ECG_PROGRAMS", "save2gdf nosuch")
    with pytest.raises(pytest.fail.Exception, match="nosuch is not installed"):
        HOOK(driving("nosuch", "neither"))
    HOOK(driving("nosuch", "sh"))
