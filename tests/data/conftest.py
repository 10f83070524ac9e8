"""Small sources: records from memory, and PTB-XL trees written by the reference library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.source import Layout, SignalFile, Source
from ssrl_ecg.signals.leads import LEADS

STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal,1.0,,,NORM,NORM
IMI,inferior infarction,1.0,,,MI,IMI
AMI,anterior infarction,1.0,,,MI,AMI
NDT,non-diagnostic T,1.0,1.0,,STTC,STTC
LAFB,fascicular block,1.0,,,CD,LAFB/LPFB
LVH,hypertrophy,1.0,,,HYP,LVH
SR,sinus rhythm,,,1.0,,
AFIB,atrial fibrillation,,,1.0,,
PVC,ectopic beat,,1.0,,,
"""


class MemorySource(Source):
    """Records from a list; an exception in it is raised when the record is read."""

    name = "memory"

    def __init__(self, root: Path, recordings: Sequence[SignalFile | BaseException], expected: Layout) -> None:
        self.root, self.recordings, self.expected = root, list(recordings), expected
        self.state = "1"

    def records(self):
        n = range(len(self.recordings))
        columns = {"record_id": [f"00{k}" for k in n], "patient_id": [f"p{k // 2}" for k in n]}
        return pd.DataFrame(columns | {"fold": [k % 10 + 1 for k in n], "path": [f"records/{k}" for k in n]})

    def read(self, record):
        recording = self.recordings[int(record.path.rsplit("/", 1)[1])]
        if isinstance(recording, BaseException):
            raise recording
        return recording

    def label_sets(self, records):
        values = np.array([[int(record_id) % 2, 0] for record_id in records["record_id"]], dtype=np.uint8)
        return {"parity": Labels("parity", ("odd", "never"), values, np.arange(len(records)) != 0, "multilabel")}

    def fingerprint(self):
        return self.state


@pytest.fixture
def signals_mv() -> np.ndarray:
    """(6, 12, 100) float64 in mV, whole microvolts, within +-3 mV."""
    return np.random.default_rng(0).integers(-3000, 3000, (6, 12, 100)) / 1000


@pytest.fixture
def memory_source(tmp_path, signals_mv) -> MemorySource:
    recordings = [SignalFile(signal.astype(np.float32), 100.0, LEADS) for signal in signals_mv]
    return MemorySource(tmp_path / "somewhere" / "cohort", recordings, Layout(100.0, 100))


def write_ptbxl(root: Path, codes: Sequence[str], rate_hz: int = 100) -> np.ndarray:
    """Write a PTB-XL tree with one 10 s record per ``scp_codes`` cell; return (record, 12, time) in mV."""
    folder, suffix = root / f"records{rate_hz}" / "00000", "lr" if rate_hz == 100 else "hr"
    folder.mkdir(parents=True)
    signals = np.random.default_rng(1).integers(-2000, 2000, (len(codes), 12, 10 * rate_hz)) / 1000
    names = ["AVR" if lead == "aVR" else lead for lead in LEADS]
    rows = []
    for k, (cell, signal) in enumerate(zip(codes, signals, strict=True), start=1):
        name = f"{k:05d}_{suffix}"
        gains, zeros, units, formats = [1000.0] * 12, [0] * 12, ["mV"] * 12, ["16"] * 12
        wfdb.wrsamp(
            name,
            rate_hz,
            units,
            names,
            p_signal=signal.T,
            fmt=formats,
            adc_gain=gains,
            baseline=zeros,
            write_dir=str(folder),
        )
        paths = {f"filename_{s}": f"records{r}/00000/{k:05d}_{s}" for r, s in ((100, "lr"), (500, "hr"))}
        rows.append(
            {"ecg_id": k, "patient_id": 100.0 + k // 2, "scp_codes": cell, "strat_fold": (k - 1) % 10 + 1, **paths}
        )
    pd.DataFrame(rows).to_csv(root / "ptbxl_database.csv", index=False)
    (root / "scp_statements.csv").write_text(STATEMENTS)
    return signals


@pytest.fixture
def ptbxl_writer() -> Callable[..., np.ndarray]:
    return write_ptbxl
