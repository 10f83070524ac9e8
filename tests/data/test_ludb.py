from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

NAN = float("nan")
BEAT = [("(", 600), ("p", 620), (")", 645), ("(", 670), ("N", 690), (")", 715), ("(", 800), ("t", 850), (")", 890)]


def mark(folder, record, lead, marks):
    symbols, samples = zip(*marks, strict=True)
    wfdb.wrann(record, "marks", np.array(samples), list(symbols), write_dir=str(folder / "data"))
    (folder / "data" / f"{record}.marks").rename(folder / "data" / f"{record}.{lead}")  # wrann writes no digits


@pytest.fixture
def tree(tmp_path):
    """Two records of noise with file leads in reverse order, one beat marked in every lead; (folder, signals in mV)."""
    folder, rng = tmp_path / "ludb", np.random.default_rng(0)
    (folder / "data").mkdir(parents=True)
    names, signals = [lead.lower() for lead in reversed(LEADS)], rng.integers(-900, 900, (2, 12, 5000)) / 1000
    for record, signal in zip("12", signals, strict=True):
        gains, zeros, units, formats = [1000.0] * 12, [0] * 12, ["mV"] * 12, ["16"] * 12
        where = {"write_dir": str(folder / "data"), "fmt": formats, "adc_gain": gains, "baseline": zeros}
        wfdb.wrsamp(record, 500, units, names, p_signal=signal[::-1].T, **where)
        for lead in names:
            mark(folder, record, lead, BEAT)
    table = 'ID,Sex,Age,Rhythms,Other states\n1,"F\n","51\n",Sinus rhythm,\n'
    (folder / "ludb.csv").write_text(table + '2,"M\n","70\n","Atrial fibrillation\nAberrant conduction",x\n')
    return folder, signals


@pytest.fixture
def first(tree):
    return next(LUDB(tree[0]).records().itertuples())


def waves(tree, marks, lead="v1"):
    """Mark a lead of record 1 anew and read it."""
    mark(tree[0], "1", lead, marks)
    source = LUDB(tree[0])
    return source.annotation(next(source.records().itertuples()), lead).waves_s


def test_signals_come_in_canonical_order_at_500_hz(tree, first):
    recording = LUDB(tree[0]).read(first)
    np.testing.assert_allclose(recording.signal_mv, tree[1][0], atol=1e-6)
    assert (recording.leads, recording.sampling_rate_hz) == (LEADS, 500.0)


def test_table_is_as_given_with_the_seam_before_it(tree):
    table = LUDB(tree[0]).records()
    assert table.columns.tolist() == [
        *("record_id", "patient_id", "fold", "path"),
        *("Sex", "Age", "Rhythms", "Other states"),
    ]
    assert table.iloc[1].tolist() == [
        *("2", "2", -1, "data/2", "M", "70", "Atrial fibrillation\nAberrant conduction", "x")
    ]


def test_rhythms_are_a_label_set_of_the_whole_table(tree):
    source = LUDB(tree[0])
    labels = source.label_sets(source.records().iloc[:1])["rhythm"]
    assert labels.classes == ("Aberrant conduction", "Atrial fibrillation", "Sinus rhythm")
    assert labels.values.tolist() == [[0, 0, 1]]
    assert labels.known.all()


def test_a_store_is_built_at_another_rate(tree, tmp_path):
    store = build_store(LUDB(tree[0], 100.0), tmp_path / "store").store
    assert store.signals_uv.shape == (2, 12, 1000)


def test_fingerprint_changes_with_any_file(tree):
    source = LUDB(tree[0])
    before = source.fingerprint()
    assert source.fingerprint() == before
    mark(tree[0], "2", "v6", BEAT[:3])
    assert source.fingerprint() != before


def test_a_beat_in_seconds(tree, first):
    annotation = LUDB(tree[0]).annotation(first, "aVL")
    assert {wave: times_s.tolist() for wave, times_s in annotation.waves_s.items()} == {
        "p": [[1.2, 1.24, 1.29]],
        "qrs": [[1.34, 1.38, 1.43]],
        "t": [[1.6, 1.7, 1.78]],
    }
    assert annotation.span_s == (1.2, 1.78)


@pytest.mark.parametrize(
    ("marks", "wave", "expected"),
    [
        ([("N", 690), (")", 715)], "qrs", [[NAN, 1.38, 1.43]]),
        ([("N", 690), ("(", 691), (")", 715)], "qrs", [[1.382, 1.38, 1.43]]),
        ([("(", 680), (")", 690), ("N", 692)], "qrs", [[1.36, 1.384, 1.38]]),
        ([("(", 680), ("t", 690), ("(", 800), ("p", 805), (")", 810)], "t", [[1.36, 1.38, NAN]]),
        ([("(", 680), ("t", 690), ("N", 700), (")", 710)], "qrs", [[NAN, 1.4, 1.42]]),
    ],
    ids=["no onset", "peak before onset", "peak after offset", "no offset", "no offset then no onset"],
)
def test_brackets_that_are_missing_or_misplaced(tree, marks, wave, expected):
    np.testing.assert_allclose(waves(tree, marks)[wave], expected)


def test_brackets_without_a_peak_between_t_waves_are_a_qrs_complex(tree):
    t = [("(", 600), ("t", 610), (")", 620)]
    later = [(symbol, sample + 200) for symbol, sample in t]
    found = waves(tree, [*t, ("(", 700), (")", 720), *later])
    np.testing.assert_array_equal(found["qrs"], [[1.4, NAN, 1.44]])
    assert len(found["t"]) == 2


def test_a_wave_marked_three_times_is_one_with_median_marks(tree):
    samples = (600, 604, 606, 620, 621, 630, 650, 651, 660)
    found = waves(tree, list(zip("(((ttt)))", samples, strict=True)))
    np.testing.assert_allclose(found["t"], [[1.208, 1.242, 1.302]])


@pytest.mark.parametrize("symbols", ["(p)(", "()", "(p)()(t)", ")", "((t)", "x", "(p)|"])
def test_marks_that_make_no_wave_are_refused_with_file_and_time(tree, symbols):
    with pytest.raises(InputError, match=r"data/1\.v1: .*(no wave|not equally often)"):
        waves(tree, [(symbol, 600 + 10 * k) for k, symbol in enumerate(symbols)])


def test_a_mark_beyond_the_end_is_refused(tree):
    with pytest.raises(InputError, match=r"data/1\.v1: .*outside the record .*found 5000"):
        waves(tree, [*BEAT, ("(", 4990), ("p", 4995), (")", 5000)])


def test_a_missing_damaged_or_empty_lead_is_refused(tree, first):
    source, folder = LUDB(tree[0]), tree[0] / "data"
    (folder / "1.v2").unlink()
    with pytest.raises(InputError, match=r"1\.v2: annotation file is missing"):
        source.annotation(first, "V2")
    (folder / "1.v3").write_bytes(b"\x01")
    with pytest.raises(InputError, match=r"1\.v3"):
        source.annotation(first, "V3")
    (folder / "1.v4").write_bytes(b"\0\0")
    with pytest.raises(InputError, match=r"1\.v4"):
        source.annotation(first, "V4")
    with pytest.raises(InputError, match="MLII"):
        source.annotation(first, "MLII")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("ID,Sex,Age\n1,F,51\n", "Rhythms"),
        ("ID,Sex,Age,Rhythms\n1,F,51,x\n1,F,51,x\n", "twice"),
        ("", "cannot be read"),
        (None, "missing"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tree, table, message):
    (tree[0] / "ludb.csv").unlink()
    if table is not None:
        (tree[0] / "ludb.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        LUDB(tree[0]).records()


def test_paths_stay_inside_and_the_folder_must_exist(tree, first, tmp_path):
    with pytest.raises(InputError, match="inside"):
        LUDB(tree[0]).read(first._replace(path="../1"))
    shutil.rmtree(tree[0] / "data")
    with pytest.raises(InputError, match="LUDB"):
        LUDB(tree[0])


@pytest.mark.slow
@pytest.mark.real_data
def test_counts_are_those_of_the_database(data_root):
    """README of version 1.0.1: 21,966 QRS, 19,666 T and 16,797 P; 13 T waves fewer are in the files or left of them."""
    source = LUDB(data_root / "ludb")
    table = source.records()
    assert len(table) == 200
    rhythms = source.label_sets(table)["rhythm"].counts()
    assert (rhythms["Sinus rhythm"], rhythms["Sinus bradycardia"], rhythms["Atrial fibrillation"]) == (143, 25, 15)
    counts, missing = Counter(), Counter()
    for record in table.itertuples():
        for lead in LEADS:
            for wave, times_s in source.annotation(record, lead).waves_s.items():
                counts[wave] += len(times_s)
                missing[wave] += int(np.isnan(times_s).sum())
    assert counts == {"p": 16_797, "qrs": 21_966, "t": 19_653}
    assert missing == {"p": 0, "qrs": 104, "t": 1}
