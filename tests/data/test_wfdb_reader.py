from __future__ import annotations

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data import wfdb_reader
from ssrl_ecg.data.wfdb_reader import read_wfdb, read_wfdb_annotations
from ssrl_ecg.errors import InputError

SAMPLES = np.array([[1, -2], [300, 4], [-32768, 6], [7, -800], [9, 32767]], dtype="<i2")  # (time, lead)

CONTENT = SAMPLES.tobytes()


def checksum(lead):
    return int(SAMPLES[:, lead].astype(np.int64).sum()) % 65536


def write(folder, header, content=CONTENT):
    (folder / "r.hea").write_text(header)
    (folder / "r.dat").write_bytes(content)
    return folder / "r"


def assert_equals_wfdb(path, millivolt_per_unit=1.0):
    ours, theirs = read_wfdb(path), wfdb.rdrecord(str(path))
    np.testing.assert_array_equal(ours.signal_mv, (theirs.p_signal * millivolt_per_unit).T.astype(np.float32))
    assert ours.signal_mv.dtype == np.float32
    assert ours.signal_mv.flags.c_contiguous
    assert (ours.sampling_rate_hz, ours.leads) == (theirs.fs, tuple(theirs.sig_name))


@pytest.mark.parametrize(
    ("record_line", "lines"),
    [
        ("r 2 100 5", "r.dat 16 1000.0(0)/mV 16 0 1 {0} 0 I\nr.dat 16 1000.0(0)/mV 16 0 -2 {1} 0 II"),
        ("r 2 257.5 5 12:00:00 01/01/2000", "r.dat 16 1716(6)/mV 0 0 1 {0} 0 i\nr.dat 16 31.7(-5)/mV 0 0 -2 {1} 0 v1"),
        ("r 2 360/1000(3) 5", "r.dat 16 200/mV 12 -7 1 {0} 0 I\nr.dat 16 200 12 1024 -2 {1} 0 lead II"),
        ("r 2 100 5", "r.dat 16 0 12 3 0 0 0 I\nr.dat 16 1e3 12 0 0 0 0 II"),
        ("r 2 100 3", "r.dat 16 100(9000000)/mV 16 0 0 0 0 I\nr.dat 16 100(0)/mV 16 0 0 0 0 II"),
        ("r 2 100", "r.dat 16 100/mV 16 0 0 0 0 I\nr.dat 16 100/mV 16 0 0 0 0 II"),
        (
            "# comment\n\nr 2 100 5",
            "r.dat 16 100/mV 16 0 0 0 0 I\n# in between\nr.dat 16 100/mV 16 0 0 0 0 II\n# age: 5",
        ),
    ],
)
def test_equals_wfdb(tmp_path, record_line, lines):
    path = write(tmp_path, f"{record_line}\n{lines.format(checksum(0), checksum(1))}\n")
    assert_equals_wfdb(path)


@pytest.mark.parametrize(("unit", "millivolt"), [("mV", 1.0), ("mv", 1.0), ("uV", 1e-3), ("V", 1e3), ("µV", 1e-3)])
def test_units_become_millivolt(tmp_path, unit, millivolt):
    line = f"r.dat 16 250.5(3)/{unit} 16 0 0 0 0"
    path = write(tmp_path, f"r 2 100 5\n{line} I\n{line} II\n")
    expected = (SAMPLES.T.astype(np.float64) - 3) / 250.5 * millivolt
    expected[0, 2] = np.nan
    np.testing.assert_array_equal(read_wfdb(path).signal_mv, expected.astype(np.float32))


def test_byte_offset_and_suffix(tmp_path):
    line = "r.dat 16x1+24 1000/mV 16 0 0 0 0"
    write(tmp_path, f"r 2 100 5\n{line} I\n{line} II\n", b"x" * 24 + SAMPLES.tobytes())
    np.testing.assert_array_equal(read_wfdb(tmp_path / "r.hea").signal_mv[1], (SAMPLES[:, 1] / 1000).astype(np.float32))
    assert_equals_wfdb(tmp_path / "r")


def test_only_invalid_samples_are_nan(tmp_path):
    line = "r.dat 16 1000/mV 16 0 0 0 0"
    path = write(tmp_path, f"r 2 100 5\n{line} I\n{line} II\n")
    np.testing.assert_array_equal(np.argwhere(np.isnan(read_wfdb(path).signal_mv)), [[0, 2]])


def test_a_longer_signal_file_is_read_as_far_as_the_header_says(tmp_path):
    line = "r.dat 16 1000/mV 16 0 0 0 0"
    path = write(tmp_path, f"r 2 100 4\n{line} I\n{line} II\n")
    assert read_wfdb(path).signal_mv.shape == (2, 4)


@pytest.mark.parametrize("fmt", ["212", "80", "24", "32"])
def test_other_formats_go_through_wfdb(tmp_path, fmt):
    signal = np.random.default_rng(0).integers(-100, 100, (50, 2))
    scaling = {"units": ["mV"] * 2, "adc_gain": [200.0] * 2, "baseline": [0] * 2}
    wfdb.wrsamp("r", 100, sig_name=["I", "II"], d_signal=signal, fmt=[fmt] * 2, write_dir=str(tmp_path), **scaling)
    np.testing.assert_array_equal(read_wfdb(tmp_path / "r").signal_mv, (signal.T / 200).astype(np.float32))


def test_several_files_and_several_segments_go_through_wfdb(tmp_path):
    first, second = SAMPLES[:, 0].copy(), SAMPLES[:, 1].copy()
    (tmp_path / "a.dat").write_bytes(first.tobytes())
    (tmp_path / "b.dat").write_bytes(second.tobytes())
    (tmp_path / "s.hea").write_text("s 2 100 5\na.dat 16 100/mV 16 0 0 0 0 I\nb.dat 16 100/mV 16 0 0 0 0 II\n")
    assert_equals_wfdb(tmp_path / "s")
    (tmp_path / "m.hea").write_text("m/2 2 100 10\ns 5\ns 5\n")
    assert read_wfdb(tmp_path / "m").signal_mv.shape == (2, 10)


LINE = "r.dat 16 1000/mV 16 0 0 0 0"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "unreadable record header"),
        ("\x00\x01\xff garbage", "unreadable record header"),
        ("r two 100 5\n", "unreadable record header"),
        ("r 2 fast 5\n", "unreadable record header"),
        ("r 0 100 5\n", "describes no signal"),
        ("r 2 0 5\n", "describes no signal"),
        (f"r 2 100 5\n{LINE} I\n", "lacks signal lines"),
        (f"r 2 100 99999999999999\n{LINE} I\n{LINE} II\n", "too large"),
        (f"r 999999999999 100 5\n{LINE} I\n", "too large"),
        (f"r 2 100 6\n{LINE} I\n{LINE} II\n", "signal file is short"),
        ("r 2 100 5\nr.dat\nr.dat\n", "unreadable record header"),
        ("r 2 100 5\nr.dat sixteen\nr.dat sixteen\n", "unreadable record header"),
        ("r 2 100 5\nr.dat 16 much/mV\nr.dat 16 much/mV\n", "unreadable record header"),
        ("r 2 100 5\nr.dat 16 1e999/mV\nr.dat 16 1e999/mV\n", "unreadable record header"),
        ("r 2 100 5\nr.dat 16 200 16 x\nr.dat 16 200 16 x\n", "unreadable record header"),
        ("r 2 100 5\nr.dat 16 200 16 0 0 x\nr.dat 16 200 16 0 0 x\n", "unreadable record header"),
        ("r 2 100 5\nr.dat 16 200/mmHg\nr.dat 16 200/mmHg\n", "not a voltage"),
        ("r 2 100 5\n../r.dat 16 200/mV\n../r.dat 16 200/mV\n", "beside its header"),
        ("r/2 2 100 5\n../r 2\nr 3\n", "beside its header"),
        ("r 2 100 5\nq.dat 16 200/mV\nq.dat 16 200/mV\n", "q.dat cannot be read"),
        ("r 2 100 5\nr.dat 99 200/mV\nr.dat 99 200/mV\n", "cannot be read"),
        ("r 2 100 5\nr.dat 16 1000/mV 16 0 1 5 0 I\nr.dat 16 1000/mV 16 0 -2 {1} 0 II\n", "damaged.*lead I\\)"),
    ],
)
def test_damage_is_one_line_that_names_the_record(tmp_path, header, words):
    path = write(tmp_path, header.replace("{1}", str(checksum(1))))
    with pytest.raises(InputError, match=words) as raised:
        read_wfdb(path)
    assert str(raised.value).startswith(f"{path}.hea: ")
    assert "\n" not in str(raised.value)


def test_missing_short_and_oversized_files(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="header is missing"):
        read_wfdb(tmp_path / "none")
    path = write(tmp_path, f"r 2 100\n{LINE} I\n{LINE} II\n", b"")
    with pytest.raises(InputError, match="short"):
        read_wfdb(path)
    monkeypatch.setattr(wfdb_reader, "MAX_VALUES", 8)
    with pytest.raises(InputError, match="too large"):
        read_wfdb(write(tmp_path, f"r 2 100\n{LINE} I\n{LINE} II\n"))
    monkeypatch.setattr(wfdb_reader, "MAX_HEADER_BYTES", 8)
    with pytest.raises(InputError, match="too long"):
        read_wfdb(path)


@pytest.mark.real_data
def test_equals_wfdb_on_every_ptbxl_record(ptbxl_root):
    headers = sorted(ptbxl_root.glob("records*/*/*.hea"))
    assert len(headers) > 2000
    for header in headers:
        assert_equals_wfdb(header.with_suffix(""))


@pytest.mark.real_data
@pytest.mark.parametrize("pattern", ["cinc2021-sample/**/*.hea", "ludb/data/1*.hea", "nstdb/*.hea", "mitdb/100.hea"])
def test_equals_wfdb_on_other_databases(data_root, pattern):
    headers = sorted(data_root.glob(pattern))
    assert headers
    for header in headers:
        assert_equals_wfdb(header.with_suffix(""))


def test_annotations_equal_what_was_written(tmp_path):
    wfdb.wrann(
        "r", "atr", np.array([3, 90, 4999]), ["+", "N", "V"], aux_note=["(AFIB", "", ""], write_dir=str(tmp_path)
    )
    marks = read_wfdb_annotations(tmp_path / "r", "atr", 5000)
    assert (marks.samples.tolist(), marks.symbols.tolist()) == ([3, 90, 4999], ["+", "N", "V"])
    assert marks.notes.tolist() == ["(AFIB", "", ""]
    with pytest.raises(InputError, match=r"r\.atr: mark lies outside .*samples 0 to 4998, found 4999"):
        read_wfdb_annotations(tmp_path / "r", "atr", 4999)


@pytest.mark.parametrize("content", [b"\x01", b"\xff" * 40, b"\x00\xec\x01"])
def test_a_damaged_annotation_file_is_refused(tmp_path, content):
    (tmp_path / "r.atr").write_bytes(content)
    with pytest.raises(InputError, match=r"r\.atr: annotation file cannot be read"):
        read_wfdb_annotations(tmp_path / "r", "atr", 100)


def test_an_annotation_file_may_hold_no_mark(tmp_path):
    (tmp_path / "r.atr").write_bytes(b"\0\0")
    marks = read_wfdb_annotations(tmp_path / "r", "atr", 100)
    assert len(marks.samples) == len(marks.symbols) == len(marks.notes) == 0
