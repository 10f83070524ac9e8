"""One file, one recording: names, rates and lengths; formats are tested with folders, which read the same way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.recording import FileReader, RecordingFiles
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, limb_leads_from_i_ii


@pytest.fixture
def signal_mv() -> np.ndarray:
    eight = np.round(np.random.default_rng(0).normal(0, 0.3, (8, 1500)), 3)
    return np.concatenate([limb_leads_from_i_ii(eight[0], eight[1]), eight[2:]])


def record(path: Path) -> Any:
    return SimpleNamespace(record_id=str(path), path=str(path))


def test_a_wfdb_record_may_be_named_by_any_of_its_files(tmp_path, signal_mv):
    wfdb.wrsamp(
        "a", 250, ["mV"] * 12, list(LEADS), signal_mv.T, fmt=["16"] * 12, adc_gain=[1000.0] * 12,
        baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    for name in ("a", "a.hea", "a.dat"):
        read = RecordingFiles([tmp_path / name], FileReader()).read(record(tmp_path / name))
        assert (read.sampling_rate_hz, read.leads, read.signal_mv.shape) == (250, LEADS, (12, 1500))
        np.testing.assert_allclose(read.signal_mv, signal_mv, atol=6e-4)


def test_whole_files_are_read_unless_a_duration_is_given(tmp_path, signal_mv):
    np.save(tmp_path / "a.npy", signal_mv)
    reader = FileReader(file_rate_hz=150)
    assert reader.read(tmp_path / "a.npy").signal_mv.shape == (12, 1500)
    assert reader.read(tmp_path / "a.npy", duration_s=4).signal_mv.shape == (12, 600)


def test_table_names_files_as_given():
    table = RecordingFiles([Path("x/b.csv"), Path("a.npy")], FileReader()).records()
    assert table["record_id"].tolist() == table["path"].tolist() == ["x/b.csv", "a.npy"]


def test_missing_files_and_senseless_arguments(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.hea: file is missing"):
        RecordingFiles([tmp_path / "nowhere"], FileReader()).read(record(tmp_path / "nowhere"))
    for arguments in ({"file_rate_hz": 0.0}, {"unit": "nV"}, {"leads": LEADS[:11]}):
        with pytest.raises(InputError):
            FileReader(**arguments)
