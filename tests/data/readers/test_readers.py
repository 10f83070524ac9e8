"""Every format is written by an independent writer, read back, and damaged."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssrl_ecg.data.readers import READERS, format_of
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

_spec = importlib.util.spec_from_file_location("ecg_writers", Path(__file__).with_name("writers.py"))
writers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writers)
WRITERS = writers.WRITERS
RATE_HZ = 250.0
SAYS_NO_RATE = {"npy"}
SAYS_NO_LEADS = {"matlab4", "matlab73", "npy"}


@pytest.fixture(scope="module")
def written(tmp_path_factory, signal_mv):
    """Every format's file, all but WFDB's two under a name that says nothing."""
    folder = tmp_path_factory.mktemp("formats")
    paths = {name: folder / ("record.hea" if name == "wfdb" else f"{name}.bin") for name in WRITERS}
    for name, (_, write, _) in WRITERS.items():
        write(paths[name], signal_mv, RATE_HZ)
    return paths | {"wfdb.dat": paths["wfdb"].with_suffix(".dat")}


def test_every_reader_has_a_writer():
    assert {reader for reader, _, _ in WRITERS.values()} == set(READERS)


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_written_is_read(written, signal_mv, name):
    reader, _, resolution_mv = WRITERS[name]
    assert format_of(written[name]) == reader
    read = FileReader(RATE_HZ if name in SAYS_NO_RATE else None).read(written[name])
    assert (read.leads, read.sampling_rate_hz) == (LEADS, pytest.approx(RATE_HZ, rel=1e-9))
    np.testing.assert_allclose(read.signal_mv, signal_mv, atol=resolution_mv + 1e-6)
    says = "derived" if name == "muse" else "does not name its leads" if name in SAYS_NO_LEADS else None
    assert [says in warning for warning in read.warnings] == ([True] if says else [])
    short = FileReader(RATE_HZ).read(str(written[name]), duration_s=1)
    np.testing.assert_array_equal(short.signal_mv, read.signal_mv[:, :250])


@pytest.mark.parametrize("name", ["edf", "bdf"])
def test_an_edf_of_another_length_than_its_header_says_is_refused_and_nothing_is_printed(
    written, tmp_path, name, capfd
):
    content, path = written[name].read_bytes(), tmp_path / "file"
    for other in (content[:-100], content + bytes(7)):
        path.write_bytes(other)
        with pytest.raises(InputError, match=rf"expected {len(content)} bytes, found {len(other)} bytes"):
            FileReader().read(path)
    assert capfd.readouterr() == ("", "")


BINARY = [name for name in WRITERS if name not in ("wfdb", "csv", "tsv")]
"""Formats of which the first 200 bytes are no recording yet; a table of three rows is a short one."""
FUZZ = settings(
    max_examples=int(os.environ.get("SSRL_ECG_FUZZ", "30")),
    derandomize="SSRL_ECG_FUZZ" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""The same examples every time; SSRL_ECG_FUZZ (``make fuzz``) asks for that many of each format, drawn anew."""


@pytest.mark.parametrize("name", [*WRITERS, "wfdb.dat"])
@FUZZ
@given(
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=8),
    in_head=st.booleans(),
)
def test_damaged_files_end_in_the_documented_error(written, tmp_path, name, keep, flips, in_head):
    content = bytearray(written[name].read_bytes())
    for place, mask in flips:
        content[int(place * (min(len(content), 2048) if in_head else len(content)))] ^= mask
    if name.startswith("wfdb"):
        for part in ("wfdb", "wfdb.dat"):
            shutil.copy(written[part], tmp_path)
    path = tmp_path / written[name].name
    path.write_bytes(content[: int(keep * len(content))])
    with suppress(InputError):
        FileReader(RATE_HZ).read(path)


@pytest.mark.parametrize("name", BINARY)
@FUZZ
@given(length=st.integers(0, 200), noise=st.binary(max_size=300))
def test_noise_after_a_format_s_beginning_ends_in_the_documented_error(written, tmp_path, name, length, noise):
    path = tmp_path / "noise"
    path.write_bytes(written[name].read_bytes()[:length] + noise)
    with pytest.raises(InputError) as caught:
        FileReader(RATE_HZ).read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file is empty"),
        (b"PK\x03\x04" + bytes(26) + b"a.csv", "archives are not opened.*ZIP"),
        (b"\x1f\x8b\x08", "archives are not opened.*gzip"),
        (b"just a sentence", "format is not known"),
        (b"<html></html>", "format is not known"),
        (b"1,2,3\n4,5,6\n", "columns have no names"),
        (b"I;II\nx;1\n", "table cannot be read"),
        (b"time_s,I,II\n0,1,1\n1,1,1\n3,1,1\n4,1,1\n", "rows are not equally spaced.*after data row 2"),
        (b"I [mV],II [uV]\n1,1\n", "differ in their unit"),
        (b"I [mmHg],II [mmHg]\n1,1\n", "not a voltage"),
    ],
)
def test_what_is_not_read_says_why(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        FileReader(RATE_HZ).read(path)


def test_entities_of_xml_are_never_expanded(tmp_path, written):
    secret = tmp_path / "secret"
    secret.write_text("I II III")
    for declared in (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', '<!ENTITY x "I">'):
        text = written["muse"].read_text(encoding="latin-1").replace('"restecg.dtd"', f'"restecg.dtd" [{declared}]')
        (tmp_path / "a.xml").write_text(text.replace("<LeadID>I<", "<LeadID>&x;<"))
        with pytest.raises(InputError, match="EntitiesForbidden"):
            FileReader().read(tmp_path / "a.xml")


def test_large_files_are_refused_before_they_are_read(tmp_path, written):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(written["aecg"].read_bytes()[:200])
        file.truncate(1 << 40)  # takes no room on disk
    with pytest.raises(InputError, match="file is too large"):
        FileReader().read(path)


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    np.savez(tmp_path / "a.npz", signal=np.array([[Bomb()] * 12] * 20, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no array fits"):
        FileReader(RATE_HZ).read(tmp_path / "a.npz")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("module", ["pydicom", "pyedflib", "h5py", "defusedxml"])
def test_a_missing_package_is_named_with_its_extra(written, monkeypatch, module):
    for loaded in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    name = {"pydicom": "dicom", "pyedflib": "edf", "h5py": "hdf5", "defusedxml": "aecg"}[module]
    with pytest.raises(InputError, match=rf"pip install 'ssrl-ecg\[readers\]'.*no {module}"):
        FileReader().read(written[name])


def test_swapped_columns_and_wrong_units_are_warned_of(tmp_path, signal_mv):
    writers.write_wfdb_record(tmp_path / "a.hea", signal_mv[[1, 0, *range(2, 12)]], RATE_HZ)
    assert any("Einthoven" in warning for warning in FileReader().read(tmp_path / "a.hea").warnings)
    writers.write_matlab(tmp_path / "a", signal_mv * 100, RATE_HZ)
    (warning,) = FileReader().read(tmp_path / "a").warnings
    assert "is the unit right?" in warning


def test_the_user_s_words_fill_what_a_file_leaves_open(tmp_path, signal_mv):
    order = [0, 1, *range(6, 12)]
    np.save(tmp_path / "a.npy", signal_mv[order].astype(np.float32) * 1000)
    read = FileReader(RATE_HZ, "uV", [LEADS[k] for k in order]).read(tmp_path / "a.npy")
    np.testing.assert_allclose(read.signal_mv, signal_mv, atol=1e-6)
    with pytest.raises(InputError, match="does not fit"):
        FileReader(RATE_HZ, "uV").read(tmp_path / "a.npy")


@pytest.mark.parametrize(("order", "huffman"), [(0, True), (1, True), (1, False), (2, False)])
def test_variants_of_scp(tmp_path, signal_mv, order, huffman):
    (tmp_path / "a").write_bytes(writers.scp_bytes(signal_mv, RATE_HZ, order, huffman))
    np.testing.assert_allclose(FileReader().read(tmp_path / "a").signal_mv, signal_mv, atol=1e-6)


def test_the_waveform_object_that_pydicom_ships():
    """A 12-lead ECG of 1 kHz with a group of median beats beside its rhythm; pydicom's test data, MIT licence."""
    import pydicom
    from pydicom.data import get_testdata_file

    path = Path(get_testdata_file("waveform_ecg.dcm", download=False))
    read = FileReader().read(path)
    assert (read.sampling_rate_hz, read.signal_mv.shape, read.warnings) == (1000, (12, 10_000), ())
    stored = pydicom.dcmread(path).WaveformSequence[0].WaveformData
    samples = np.frombuffer(stored, "<i2").reshape(-1, 12).T
    np.testing.assert_allclose(read.signal_mv, samples * 1.25e-3, atol=1e-6)  # 1.25 uV per unit, says its header
