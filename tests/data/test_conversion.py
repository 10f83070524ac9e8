"""Files of any format to WFDB records and a manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from ssrl_ecg.data.conversion import COLUMNS, convert_files, record_names, write_wfdb
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS


@pytest.fixture
def signal_mv() -> np.ndarray:
    return np.round(np.random.default_rng(0).normal(0, 0.3, (12, 400)), 3).astype(np.float32)


def test_records_are_what_the_files_hold(tmp_path, signal_mv):
    signal_mv[3, 7] = np.nan
    np.save(tmp_path / "a.npy", signal_mv)
    (tmp_path / "b.xml").write_text("<html/>")
    manifest = convert_files([tmp_path / "a.npy", tmp_path / "b.xml"], FileReader(200), tmp_path / "out")
    record = wfdb.rdrecord(str(tmp_path / "out" / "a"))
    assert (record.fs, record.sig_name, record.units) == (200, list(LEADS), ["mV"] * 12)
    np.testing.assert_allclose(record.p_signal.T, signal_mv, atol=1e-6)
    assert manifest.columns.tolist() == list(COLUMNS)
    assert manifest[["record", "format"]].values.tolist() == [["a", "NPY"], ["", ""]]
    assert manifest["rejected"].str.contains("format is not known").tolist() == [False, True]
    assert len(pd.read_csv(tmp_path / "out" / "manifest.csv")) == 2


def test_nothing_is_overwritten_or_half_written(tmp_path, signal_mv):
    np.save(tmp_path / "a.npy", signal_mv)
    with pytest.raises(InputError, match=r"is not empty"):
        convert_files([tmp_path / "a.npy"], FileReader(200), tmp_path)
    with pytest.raises(InputError, match=r"none of the 1 files can be converted.*sampling rate"):
        convert_files([tmp_path / "a.npy"], FileReader(), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_every_file_gets_a_name_of_its_own():
    paths = [Path(name) for name in ("x/a.edf", "x/a.xml", "y/a.xml", "A.dcm", "ü b.npy", "y/a.xml")]
    names = record_names(paths)
    assert names == ["a", "a_xml", "a-2", "A_dcm", "_b", "a-3"]


def test_amplitudes_that_do_not_fit_are_refused(tmp_path, signal_mv):
    signal_mv[0, 0] = 33
    with pytest.raises(InputError, match=r"does not fit.*found 33 mV"):
        write_wfdb(SignalFile(signal_mv, 500, LEADS), "a", tmp_path)
