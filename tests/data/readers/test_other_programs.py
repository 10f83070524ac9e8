"""Readers against programs that other people wrote: what they write is read, and they read what our writers write.

biosig (Debian's biosig-tools, GPL 3, run as a program) writes HL7 aECG, EDF and BDF and reads SCP-ECG; sierraecg (MIT)
reads Philips' XLI. pyedflib's package (BSD) has the test file of EDFlib's generator.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pyedflib
import pytest
import sierraecg

from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.signals.leads import LEADS

RATE_HZ = 250.0
needs_biosig = pytest.mark.program("save2gdf")


def converted(source, form):
    target = source.with_suffix(f".{form.lower()}")
    subprocess.run(["save2gdf", "-V=0", f"-f={form}", source, target], check=True, capture_output=True, timeout=60)
    return target


@needs_biosig
@pytest.mark.parametrize(("order", "huffman"), [(0, True), (1, True), (1, False), (2, False)])
def test_biosig_reads_the_same_out_of_scp(tmp_path, writers, signal_mv, order, huffman):
    (tmp_path / "a.scp").write_bytes(writers.scp_bytes(signal_mv, RATE_HZ, order, huffman))
    theirs = FileReader().read(converted(tmp_path / "a.scp", "BDF"))
    ours = FileReader().read(tmp_path / "a.scp")
    assert theirs.sampling_rate_hz == ours.sampling_rate_hz == RATE_HZ
    np.testing.assert_allclose(ours.signal_mv, theirs.signal_mv, atol=1e-6)
    np.testing.assert_allclose(ours.signal_mv, signal_mv, atol=1e-6)


@needs_biosig
@pytest.mark.parametrize("form", ["HL7aECG", "EDF", "BDF"])
def test_what_biosig_writes_is_read(tmp_path, writers, signal_mv, form):
    (tmp_path / "a.scp").write_bytes(writers.scp_bytes(signal_mv, RATE_HZ))
    read = FileReader().read(converted(tmp_path / "a.scp", form))
    assert (read.sampling_rate_hz, read.warnings) == (RATE_HZ, ())
    np.testing.assert_allclose(read.signal_mv, signal_mv, atol=1.1e-3)  # it may round to 1 uV


def test_sierraecg_reads_the_same_out_of_xli(tmp_path, writers, signal_mv):
    writers.write_philips_xli(tmp_path / "a.xml", signal_mv, RATE_HZ)
    leads = sierraecg.read_file(str(tmp_path / "a.xml")).leads
    assert [lead.label for lead in leads] == list(LEADS)
    theirs_mv = np.array([lead.samples[: signal_mv.shape[1]] for lead in leads]) / 1000
    np.testing.assert_allclose(FileReader().read(tmp_path / "a.xml").signal_mv, theirs_mv, atol=1e-6)


def test_the_test_file_of_edflib_is_read_sample_by_sample(tmp_path):
    """Its signals are those of a generator; eight of the eleven are called leads here, and nothing else is touched."""
    source = Path(pyedflib.__file__).parent / "tests" / "data" / "test_generator.edf"
    content = bytearray(source.read_bytes())
    n_records, n_signals = int(content[236:244]), int(content[252:256])
    names = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    for number, name in enumerate(names):
        content[256 + 16 * number : 272 + 16 * number] = f"ECG {name}".ljust(16).encode()
    (tmp_path / "a.edf").write_bytes(content)

    def field(offset, width):
        start = 256 + offset * n_signals
        return np.array([float(content[start + width * k : start + width * (k + 1)]) for k in range(n_signals)])

    low, high, lowest, highest = (field(offset, 8)[:8] for offset in (104, 112, 120, 128))
    per_record = field(216, 8).astype(int)
    assert (per_record[:8] == per_record[0]).all()
    stored = np.frombuffer(content, "<i2", offset=256 * (1 + n_signals)).reshape(n_records, per_record.sum())
    leads = stored[:, : 8 * per_record[0]].reshape(n_records, 8, per_record[0])
    values = leads.transpose(1, 0, 2).reshape(8, -1)
    uv = (values - lowest[:, None]) * ((high - low) / (highest - lowest))[:, None] + low[:, None]

    read = FileReader().read(tmp_path / "a.edf")
    assert read.sampling_rate_hz == per_record[0] / float(content[244:252])
    for number, name in enumerate(names):
        np.testing.assert_allclose(read.signal_mv[LEADS.index(name)], uv[number] / 1000, atol=1e-5)
    np.testing.assert_allclose(read.signal_mv[LEADS.index("III")], (uv[1] - uv[0]) / 1000, atol=1e-5)
