"""Readers against programs that other people wrote: what they write is read, and they read what our writers write.

biosig (Debian's biosig-tools, GPL 3, run as a program) writes HL7 aECG, EDF and BDF and reads SCP-ECG; sierraecg (MIT)
reads Philips' XLI.
"""

from __future__ import annotations

import subprocess

import numpy as np
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
