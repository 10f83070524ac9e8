from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from ssrl_ecg.data.source import Layout, SignalFile, Source
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation import checkup
from ssrl_ecg.evaluation.checkup import check_data, check_installation, check_machine
from ssrl_ecg.signals.leads import LEADS


def found(findings):
    return {finding.subject: finding for finding in findings}


def test_this_installation_is_sound(tmp_path):
    for finding in (*check_installation(), *check_machine(tmp_path)):
        assert finding.level in ("ok", "note"), finding
    assert not any(tmp_path.iterdir())


def test_missing_and_old_packages_are_named_with_what_helps(monkeypatch):
    lines = ["numpy>=99", "nowhere>=1", 'nothing; extra == "readers"', 'torch>=1; extra == "floors"']
    monkeypatch.setattr(checkup, "requires", lambda _: lines)
    extras = SimpleNamespace(get_all=lambda _: ["readers", "floors", "dev"])
    about = type("About", (dict,), {"get_all": lambda self, _: extras.get_all(_)})({"Requires-Python": ">=3.99"})
    monkeypatch.setattr(checkup, "metadata", lambda _: about)
    seen = found(check_installation())
    assert seen["Python"].level == "problem"
    assert seen["packages"].level == "problem"
    assert f"numpy {np.__version__} is not >=99; no nowhere" in seen["packages"].words
    assert seen["extra readers"].level == "note"
    assert seen["extra readers"].words == "no nothing: pip install 'ssrl-ecg[readers]'"
    assert seen["extra floors"].level == "ok"
    assert "extra dev" not in seen


def test_threads_beyond_cores_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 10_000)
    assert "OMP_NUM_THREADS=" in found(check_machine(tmp_path))["threads"].words


def test_a_place_that_cannot_be_written_to_and_a_full_disk_are_problems(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert found(check_machine(tmp_path / "missing"))["results"].level == "problem"
    assert found(check_machine(tmp_path / "file"))["results"].level == "problem"
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    assert found(check_machine(tmp_path))["results"].level == "problem"


class Toy(Source):
    """Records of a given amplitude; every ``broken``-th cannot be read."""

    name = "toy"
    expected = Layout(100.0, 1000)

    def __init__(self, root, n, sd_mv=0.2, broken=0):
        self.root, self.n, self.sd_mv, self.broken = root, n, sd_mv, broken

    def records(self):
        ids = [str(k) for k in range(self.n)]
        return pd.DataFrame({"record_id": ids, "patient_id": ids, "path": ids})

    def read(self, record):
        if self.broken and int(record.path) % self.broken == 0:
            raise InputError("truncated", file=record.path)
        noise = np.random.default_rng(int(record.path)).standard_normal((12, 1000))
        return SignalFile((self.sd_mv * noise).astype(np.float32), 100.0, LEADS)

    def label_sets(self, records):
        return {}

    def fingerprint(self):
        return ""


def test_readable_data_are_described(tmp_path):
    seen = found(check_data(Toy(tmp_path, 50)))
    assert {finding.level for finding in seen.values()} == {"ok"}
    assert "50 records of 50 patients" in seen["data"].words
    assert "20 records read: 100 Hz, 12 leads, typical SD 200 uV" in seen["signals"].words
    assert seen["store"].words.startswith("would take 1 MB")


@pytest.mark.parametrize(
    ("toy", "subject", "level"),
    [
        ({"n": 0}, "data", "problem"),
        ({"n": 50, "sd_mv": 200.0}, "signals", "note"),
        ({"n": 50, "broken": 2}, "reading", "note"),
        ({"n": 50, "broken": 1}, "reading", "problem"),
    ],
)
def test_what_is_odd_about_data_is_said(toy, subject, level, tmp_path):
    assert found(check_data(Toy(tmp_path, **toy)))[subject].level == level
