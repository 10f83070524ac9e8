from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.cinc2021 import SCORED, CinC2021
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample

FILE_LEADS = ["V6", "I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5"]


def write_record(folder, name, *, rate_hz=500, seconds=10.0, dx="426783006", age="50", sex="Female", seed=0):
    """Write a record of smooth noise as the challenge does; return its (12, time) in mV in canonical order."""
    folder.mkdir(parents=True, exist_ok=True)
    n_samples = round(rate_hz * seconds)
    slow = np.random.default_rng(seed).integers(-900, 900, (12, round(seconds * 25))) / 1000
    signal_mv = np.round(resample(slow, 25, rate_hz)[:, :n_samples], 3)
    order = [LEADS.index(lead.replace("AV", "aV")) for lead in FILE_LEADS]
    comments = [f"Age: {age}", f"Sex: {sex}", f"Dx: {dx}", "Rx: Unknown"]
    how = {"units": ["mV"] * 12, "sig_name": FILE_LEADS, "fmt": ["16"] * 12, "adc_gain": [1000.0] * 12}
    how |= {"baseline": [0] * 12, "comments": comments, "write_dir": str(folder), "p_signal": signal_mv[order].T}
    wfdb.wrsamp(name, rate_hz, **how)
    _as_matlab(folder, name)
    return signal_mv


def _as_matlab(folder, name):
    """Put the 24 bytes of a MATLAB 4 header before the samples, as the challenge's files have them."""
    samples = folder / f"{name}.dat"
    (folder / f"{name}.mat").write_bytes(bytes(24) + samples.read_bytes())
    samples.unlink()
    header = folder / f"{name}.hea"
    header.write_text(header.read_text().replace(f"{name}.dat 16 ", f"{name}.mat 16+24 "))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "training"
    signals = {
        "A0001": write_record(root / "cpsc_2018" / "g1", "A0001", seconds=12, dx="59118001,164884008", seed=1),
        "HR00007": write_record(root / "ptb-xl" / "g1", "HR00007", dx="713427006", age="NaN", sex="M", seed=2),
        "I0001": write_record(root / "st_petersburg_incart", "I0001", rate_hz=257, seconds=30, dx="", seed=3),
        "S0001": write_record(root / "ptb", "S0001", rate_hz=1000, seconds=38, dx="17338001", seed=4),
    }
    write_record(root / "georgia" / "g2", "E00001", seconds=5)
    return root, signals


def test_table_says_what_headers_say(tree):
    table = CinC2021(tree[0]).records().set_index("record_id")
    assert table.index.tolist() == ["A0001", "E00001", "HR00007", "S0001", "I0001"]
    assert table["collection"].tolist() == ["cpsc_2018", "georgia", "ptb-xl", "ptb", "st_petersburg_incart"]
    assert table["same_as"].tolist() == ["", "", "ptbxl:7", "", ""]
    assert (table["patient_id"] == table.index).all()
    assert (table["fold"] == -1).all()
    assert table.loc["A0001", ["age", "sex", "file_rate_hz", "file_duration_s"]].tolist() == [50, 1, 500, 12]
    assert np.isnan(table.loc["HR00007", "age"])
    assert table.loc["HR00007", "sex"] == 0
    assert CinC2021(tree[0] / "ptb").records()["collection"].tolist() == ["ptb"]


def test_records_are_cut_resampled_and_put_in_order_and_short_ones_listed(tree, tmp_path):
    root, signals = tree
    built = build_store(CinC2021(root, 100), tmp_path / "store")
    names = built.store.records["record_id"].tolist()
    assert sorted(names) == ["A0001", "HR00007", "I0001", "S0001"]
    for name, rate_hz in (("A0001", 500), ("HR00007", 500), ("S0001", 1000), ("I0001", 257)):
        found = built.store.read_mv([names.index(name)])[0]
        whole = resample(signals[name], rate_hz, 100)[:, :1000]
        np.testing.assert_allclose(found, whole, atol=2e-3)
    with open(tmp_path / "store" / "rejected.csv") as file:
        rejected = list(csv.DictReader(file))
    assert [row["record_id"] for row in rejected] == ["E00001"]
    assert "expected 1000 samples, found 500 samples" in rejected[0]["reason"]


def test_equal_diagnoses_are_one_class_and_no_code_is_no_label(tree):
    source = CinC2021(tree[0])
    table = source.records()
    labels = source.label_sets(table)["scored"]
    stated = {
        name: {one for one, value in zip(labels.classes, row, strict=True) if value}
        for name, row in zip(table["record_id"], labels.values, strict=True)
    }
    assert stated == {"A0001": {"RBBB"}, "HR00007": {"RBBB"}, "S0001": {"PVC"}, "E00001": {"NSR"}, "I0001": set()}
    assert dict(zip(table["record_id"], labels.known, strict=True)) == dict.fromkeys(stated, True) | {"I0001": False}


def test_a_damaged_header_costs_its_record_alone(tree, tmp_path):
    root = tree[0]
    (root / "ptb" / "S0001.hea").write_text("S0001 twelve\n")
    built = build_store(CinC2021(root, 100), tmp_path / "store")
    assert built.n_rejected == 2
    assert "S0001" not in built.store.records["record_id"].tolist()


def test_what_cannot_be_used_is_refused_and_changes_are_noticed(tree, tmp_path):
    root = tree[0]
    with pytest.raises(InputError, match="folder of the challenge's records is missing"):
        CinC2021(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no record"):
        CinC2021(tmp_path / "empty")
    before = CinC2021(root).fingerprint()
    assert CinC2021(root).fingerprint() == before
    write_record(root / "ptb" / "again", "A0001")
    assert CinC2021(root).fingerprint() != before
    with pytest.raises(InputError, match=r"twice.*A0001"):
        CinC2021(root).records()


@pytest.mark.real_data
def test_sample_of_the_challenge(data_root: Path, tmp_path):
    root = data_root / "cinc2021-sample"
    built = build_store(CinC2021(root, 100), tmp_path / "store")
    records = built.store.records
    assert built.n_rejected == 0
    counts = {"chapman_shaoxing": 40, "georgia": 30, "cpsc_2018": 20, "ptb": 3}
    assert records["collection"].value_counts().to_dict() == counts
    for row, record in records.groupby("collection").nth(0).iterrows():  # of every rate and gain notation
        reference = wfdb.rdrecord(str(root / record["path"]))
        whole = resample(np.ascontiguousarray(reference.p_signal.T), reference.fs, 100)[:, :1000]
        np.testing.assert_allclose(built.store.read_mv([row])[0], whole, atol=2e-3)
    labels = built.store.labels("scored")
    assert {name: labels.counts()[name] for name in ("STach", "PAC", "PVC", "RBBB")} == {
        "STach": 25, "PAC": 20, "PVC": 7, "RBBB": 7}  # fmt: skip


@pytest.mark.real_data
def test_scored_classes_are_those_of_the_challenges_table(data_root: Path):
    with open(data_root / "cinc2021-sample" / "dx_mapping_scored.csv") as file:
        rows = list(csv.DictReader(file))
    assert {code for codes in SCORED.values() for code in codes} == {row["SNOMEDCTCode"] for row in rows}
    abbreviations = {row["SNOMEDCTCode"]: row["Abbreviation"] for row in rows}
    for name, codes in SCORED.items():
        assert abbreviations[codes[0]] == name
        notes = {row["Notes"].strip(" .") for row in rows if row["SNOMEDCTCode"] in codes}
        assert len(notes) == 1
        assert all(code in notes.pop() for code in codes[:1]) if len(codes) > 1 else notes == {""}
    assert list(SCORED) == sorted(SCORED, key=str.lower)
