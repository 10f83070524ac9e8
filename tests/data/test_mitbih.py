from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.mitbih import AAMI_CLASSES, DS1, DS2, MITBIH, PACED
from ssrl_ecg.data.splits import Split, assert_patients_disjoint
from ssrl_ecg.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Record 114 with V5 first, two seconds of it; (folder, signal of the file in mV)."""
    signal = np.random.default_rng(0).integers(-1000, 1000, (720, 2)) / 200
    wfdb.wrsamp(
        "114",
        360,
        ["mV"] * 2,
        ["V5", "MLII"],
        signal,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[1024] * 2,
        write_dir=str(tmp_path),
    )
    return tmp_path, signal


def mark(folder, record, marks):
    samples, symbols, notes = zip(*marks, strict=True)
    wfdb.wrann(record, "atr", np.array(samples), list(symbols), aux_note=list(notes), write_dir=str(folder))


def test_each_record_is_in_one_part_and_two_are_one_man(tmp_path):
    table = MITBIH(tmp_path).records()
    assert len(table) == 48
    assert table["part"].value_counts().to_dict() == {"DS1": 22, "DS2": 22, "paced": 4}
    assert (DS1[0], DS2[0], PACED) == ("101", "100", ("102", "104", "107", "217"))
    shared = table[table["patient_id"].duplicated(keep=False)]
    assert shared["record_id"].tolist() == ["201", "202"]
    assert shared["part"].tolist() == ["DS1", "DS2"]


def test_the_published_parts_share_a_patient_and_without_202_none(tmp_path):
    table = MITBIH(tmp_path).records()
    rows = {part: np.flatnonzero(table["part"] == part) for part in ("DS1", "DS2")}
    nobody = np.zeros(0, dtype=np.int64)
    with pytest.raises(InputError, match="201"):
        assert_patients_disjoint(table, Split(rows["DS1"], nobody, rows["DS2"]))
    others = rows["DS2"][table["record_id"].iloc[rows["DS2"]] != "202"]
    assert_patients_disjoint(table, Split(rows["DS1"], nobody, others))


def test_leads_go_by_their_names_and_mlii_comes_first(tree):
    recording = MITBIH(tree[0]).read("114")
    assert recording.leads == ("MLII", "V5")
    np.testing.assert_allclose(recording.signal_mv, tree[1].T[::-1], atol=1e-6)
    assert recording.sampling_rate_hz == 360


def test_beats_get_their_classes_and_other_marks_are_none(tree):
    symbols = 'NLRejAaJSVEF/fQ+~|x!"[]'
    marks = [(36 * k + 36, symbol, "(N" if symbol == "+" else "") for k, symbol in enumerate(symbols)]
    mark(tree[0], "114", marks)
    beats = MITBIH(tree[0]).annotation("114").beats
    assert "".join(beats["symbol"]) == "NLRejAaJSVEF/fQ"
    assert "".join(beats["aami"]) == "NNNNNSSSSVVFQQQ"
    np.testing.assert_allclose(beats["time_s"], np.arange(1, 16) / 10)
    assert AAMI_CLASSES == ("N", "S", "V", "F", "Q")


def test_rhythms_follow_each_other_to_the_end_and_flutter_is_told_apart(tree):
    mark(
        tree[0],
        "114",
        [
            (36, "+", "(N"),
            (72, "N", ""),
            (100, "+", "MISSB"),
            (360, "[", ""),
            (396, "+", "(VFL"),
            (720, "]", ""),
            (756, "+", "(B"),
        ],
    )
    annotation = MITBIH(tree[0]).annotation("114")
    assert annotation.rhythms.to_dict("list") == {
        "start_s": [0.1, 1.1, 2.1],
        "end_s": [1.1, 2.1, 650_000 / 360],
        "rhythm": ["N", "VFL", "B"],
    }
    assert annotation.flutter_s.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("marks", [[(36, "[", "")], [(36, "]", ""), (72, "[", "")]])
def test_flutter_that_does_not_begin_and_end_is_refused(tree, marks):
    mark(tree[0], "114", marks)
    with pytest.raises(InputError, match=r"114\.atr: .*flutter"):
        MITBIH(tree[0]).annotation("114")


def test_what_is_missing_unknown_or_beyond_the_end_is_refused(tree):
    source = MITBIH(tree[0])
    with pytest.raises(InputError, match=r"114\.atr: annotation file is missing"):
        source.annotation("114")
    mark(tree[0], "114", [(650_000, "N", "")])
    with pytest.raises(InputError, match="outside the record"):
        source.annotation("114")
    with pytest.raises(InputError, match="100"):
        source.read("100")
    with pytest.raises(InputError, match="110"):
        source.read("110")
    with pytest.raises(InputError, match="missing"):
        MITBIH(tree[0] / "nowhere")


@pytest.mark.real_data
def test_beats_of_both_parts_are_those_of_the_paper(data_root):
    """Table of de Chazal, O'Dwyer & Reilly 2004."""
    source, counts = MITBIH(data_root / "mitdb"), {"DS1": Counter(), "DS2": Counter(), "paced": Counter()}
    for record in source.records().itertuples():
        counts[record.part].update(source.annotation(record.record_id).beats["aami"])
    assert counts["DS1"] == {"N": 45_866, "S": 944, "V": 3_788, "F": 415, "Q": 8}
    assert counts["DS2"] == {"N": 44_259, "S": 1_837, "V": 3_221, "F": 388, "Q": 7}


@pytest.mark.real_data
def test_real_records_have_two_leads_and_flutter_only_in_207(data_root):
    source = MITBIH(data_root / "mitdb")
    assert source.read("114").leads == ("MLII", "V5")
    assert source.read("102").leads == ("V5", "V2")
    recording = source.read("100")
    np.testing.assert_array_equal(recording.signal_mv.shape, (2, 650_000))
    reference = wfdb.rdrecord(str(data_root / "mitdb" / "100")).p_signal.T
    np.testing.assert_allclose(recording.signal_mv, reference, atol=1e-6)
    assert len(source.annotation("207").flutter_s) == 6
    assert len(source.annotation("208").flutter_s) == 0
