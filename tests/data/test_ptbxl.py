from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from ssrl_ecg.data import DATASETS
from ssrl_ecg.data.ptbxl import (
    DIAGNOSTIC_CLASSES,
    PTBXL,
    PTBXLRecordDataset,
    load_ptbxl_metadata,
    make_default_splits,
    sample_labelled_indices,
)
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError

CODES = [
    "{'NORM': 100.0, 'SR': 0.0}",
    "{'IMI': 0.0, 'LAFB': 50.0, 'AFIB': 0.0}",
    "{'SR': 0.0}",
    "{}",
    "{'NDT': 100.0}",
    "{'AMI': 15.0, 'IMI': 80.0, 'PVC': 0.0}",
]


@pytest.fixture
def root(tmp_path, ptbxl_writer):
    ptbxl_writer(tmp_path / "ptbxl", CODES)
    return tmp_path / "ptbxl"


def edit_table(root, change, name="ptbxl_database.csv"):
    table = pd.read_csv(root / name, dtype=str, keep_default_na=False)
    change(table).to_csv(root / name, index=False)


def test_table_has_the_seams_columns_and_its_own(root):
    records = PTBXL(root).records()
    assert list(records.columns[:4]) == ["record_id", "patient_id", "fold", "path"]
    assert records["record_id"].tolist() == ["1", "2", "3", "4", "5", "6"]
    assert records["patient_id"].tolist() == ["100", "101", "101", "102", "102", "103"]
    assert records["fold"].tolist() == [1, 2, 3, 4, 5, 6]
    assert records["path"][0] == "records100/00000/00001_lr"
    assert records["scp_codes"].tolist() == CODES


def test_signals_and_labels_reach_the_store(tmp_path, ptbxl_writer):
    signals = ptbxl_writer(tmp_path / "ptbxl", CODES)
    store = build_store(PTBXL(tmp_path / "ptbxl"), tmp_path / "store").store
    np.testing.assert_array_equal(store.signals_uv, np.rint(signals * 1000))
    assert store.label_set_names == ("all", "diag", "form", "norm", "rhythm", "sub", "super", "super-single")
    assert store.records["patient_id"].tolist() == ["100", "101", "101", "102", "102", "103"]


def test_500_hz_has_its_own_folder_and_length(tmp_path, ptbxl_writer):
    signals = ptbxl_writer(tmp_path / "ptbxl", CODES[:2], 500)
    store = build_store(PTBXL(tmp_path / "ptbxl", 500), tmp_path / "store").store
    np.testing.assert_array_equal(store.signals_uv, np.rint(signals * 1000))
    with pytest.raises(InputError, match=r"records100 is missing .*records500 is there: choose its sampling rate"):
        PTBXL(tmp_path / "ptbxl", 100)


def test_label_sets(root):
    source = PTBXL(root)
    sets = source.label_sets(source.records())
    annotated = [True, True, True, False, True, True]
    assert sets["super"].classes == DIAGNOSTIC_CLASSES
    rows = ["".join(map(str, row)) for row in sets["super"].values]
    assert rows == ["10000", "01010", "00000", "00000", "00100", "01000"]
    assert sets["super"].empty_classes == ("HYP",)
    assert sets["sub"].classes == ("AMI", "IMI", "LAFB/LPFB", "LVH", "NORM", "STTC")
    assert sets["sub"].counts() == {"AMI": 1, "IMI": 2, "LAFB/LPFB": 1, "LVH": 0, "NORM": 1, "STTC": 1}
    assert sets["diag"].counts() == {"AMI": 1, "IMI": 2, "LAFB": 1, "LVH": 0, "NDT": 1, "NORM": 1}
    assert sets["form"].counts() == {"NDT": 1, "PVC": 1}
    assert sets["rhythm"].counts() == {"AFIB": 1, "SR": 2}
    assert len(sets["all"].classes) == 9
    for name in ("super", "sub", "diag", "form", "rhythm", "all"):
        assert (sets[name].task, sets[name].known.tolist()) == ("multilabel", annotated)


def test_binary_and_single_label_tasks(root):
    source = PTBXL(root)
    sets = source.label_sets(source.records())
    norm, single = sets["norm"], sets["super-single"]
    assert (norm.task, norm.classes, norm.values.ravel().tolist()) == ("binary", ("NORM",), [1, 0, 0, 0, 0, 0])
    assert norm.known.tolist() == [True, True, False, False, True, True]
    assert (single.task, single.classes) == ("single", DIAGNOSTIC_CLASSES)
    assert single.known.tolist() == [True, False, False, False, True, True]


def test_class_order_does_not_depend_on_the_order_of_the_statements(root):
    source = PTBXL(root)
    before = source.label_sets(source.records())
    edit_table(root, lambda table: table.iloc[::-1].rename(columns={"Unnamed: 0": ""}), "scp_statements.csv")
    after = PTBXL(root).label_sets(source.records())
    for name, labels in before.items():
        assert after[name].classes == labels.classes
        np.testing.assert_array_equal(after[name].values, labels.values)


def test_metadata_as_published(root):
    metadata = load_ptbxl_metadata(root)
    assert metadata.index.name == "ecg_id"
    assert metadata.loc[2, "scp_codes"] == {"IMI": 0.0, "LAFB": 50.0, "AFIB": 0.0}
    assert metadata.loc[2, "patient_id"] == "101"


def test_columns_beyond_the_required_may_differ_between_versions(root):
    edit_table(
        root,
        lambda table: table.assign(patient_id=lambda t: t["patient_id"].str.removesuffix(".0"), site="x", fold="q"),
    )
    records = PTBXL(root).records()
    assert records["patient_id"].tolist() == ["100", "101", "101", "102", "102", "103"]
    assert records["site"].tolist() == ["x"] * 6
    assert records["fold"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("column", ["ecg_id", "patient_id", "scp_codes", "strat_fold", "filename_lr", "filename_hr"])
def test_a_missing_column_is_named_with_its_file(root, column):
    edit_table(root, lambda table: table.drop(columns=column))
    with pytest.raises(InputError, match=rf"ptbxl_database.csv: table lacks a column \(field {column}\)"):
        PTBXL(root).records()


def test_a_missing_column_of_the_statements_is_named(root):
    edit_table(root, lambda table: table.drop(columns="diagnostic_class"), "scp_statements.csv")
    with pytest.raises(InputError, match=r"scp_statements.csv: table lacks a column \(field diagnostic_class\)"):
        PTBXL(root).label_sets(PTBXL(root).records())


@pytest.mark.parametrize("name", ["ptbxl_database.csv", "scp_statements.csv"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00garbage\x00", b'a,b\n"1,2\n3'])
def test_a_missing_or_unreadable_table_is_one_line(root, tmp_path, name, content):
    (root / name).unlink()
    if content is not None:
        (root / name).write_bytes(content)
    with pytest.raises(InputError, match=name) as raised:
        build_store(PTBXL(root), tmp_path / "store")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("ecg_id", "2", "listed twice"),
        ("ecg_id", "abc", "not a whole number"),
        ("strat_fold", "1.5", "not a whole number"),
        ("patient_id", "", "not a whole number"),
        ("scp_codes", "", "not a dictionary"),
        ("scp_codes", "['NORM']", "not a dictionary"),
        ("scp_codes", "{'NORM': 'very'}", "not a dictionary"),
        ("scp_codes", "__import__('os').getcwd()", "not a dictionary"),
        ("scp_codes", "(" * 9000, "not a dictionary"),
        ("scp_codes", "{" + "'NORM': 1.0, " * 1000 + "}", "not a dictionary"),
        ("scp_codes", "{'XYZ': 100.0}", r"not described \(field scp_codes, found XYZ\)"),
    ],
)
def test_a_bad_cell_names_its_column(root, tmp_path, column, value, words):
    def change(table):
        table.loc[0, column] = value
        return table

    edit_table(root, change)
    with pytest.raises(InputError, match=words) as raised:
        build_store(PTBXL(root), tmp_path / "store")
    assert raised.value.field == column
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "store").exists()


def test_an_unknown_superclass_is_refused(root):
    edit_table(root, lambda table: table.replace("HYP", "HYPER"), "scp_statements.csv")
    with pytest.raises(InputError, match=r"unknown superclass .*found HYPER"):
        PTBXL(root).label_sets(PTBXL(root).records())


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../outside", "records100/../../outside", "..\\outside"])
def test_a_path_outside_the_folder_is_rejected(root, tmp_path, path):
    def change(table):
        table.loc[1, "filename_lr"] = path
        return table

    edit_table(root, change)
    result = build_store(PTBXL(root), tmp_path / "store")
    with open(result.store.path / "rejected.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["record_id"], row["path"]) == ("2", path)
    assert "not a path inside the data folder" in row["reason"]


def test_missing_folders_and_rates(root, tmp_path):
    with pytest.raises(InputError, match="folder of PTB-XL is missing"):
        PTBXL(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"records500 is missing .*records100 is there"):
        PTBXL(root, 500)
    with pytest.raises(InputError, match="expected 100 or 500 Hz, found 250 Hz"):
        PTBXL(root, 250)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="folder records100 is missing"):
        PTBXL(tmp_path / "empty")


def test_fingerprint_follows_tables_and_files(root):
    source, seen = PTBXL(root), set()
    file = root / "records100" / "00000" / "00003_lr.dat"
    for change in (
        lambda: None,
        lambda: os.utime(file, ns=(1, 1)),
        lambda: file.write_bytes(b""),
        lambda: file.unlink(),
        lambda: edit_table(root, lambda table: table.iloc[::-1]),
    ):
        change()
        assert source.fingerprint() == source.fingerprint()
        seen.add(source.fingerprint())
    assert len(seen) == 5


def test_record_dataset(tmp_path, ptbxl_writer):
    signals = ptbxl_writer(tmp_path / "ptbxl", CODES)
    dataset = PTBXLRecordDataset(tmp_path / "ptbxl", rows=[5, 1])
    signal_mv, labels = dataset[0]
    np.testing.assert_array_equal(signal_mv.numpy(), signals[5].astype(np.float32))
    assert labels.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert len(dataset) == 2
    batch, targets = next(iter(DataLoader(dataset, batch_size=2)))
    assert (batch.shape, batch.dtype, targets.dtype) == ((2, 12, 1000), torch.float32, torch.float32)
    assert len(PTBXLRecordDataset(tmp_path / "ptbxl", label_set="rhythm")) == 6
    with pytest.raises(InputError, match="unknown label set"):
        PTBXLRecordDataset(tmp_path / "ptbxl", label_set="rythm")


def test_default_splits_are_the_recommended_folds(tmp_path, ptbxl_writer):
    ptbxl_writer(tmp_path / "ptbxl", ["{'SR': 0.0}"] * 12)
    metadata = load_ptbxl_metadata(tmp_path / "ptbxl").assign(patient_id=[str(k) for k in range(12)])
    splits = make_default_splits(metadata)
    assert {name: rows.tolist() for name, rows in splits.items()} == {
        "train_idx": [0, 1, 2, 3, 4, 5, 6, 7, 10, 11],
        "val_idx": [8],
        "test_idx": [9],
    }
    with pytest.raises(InputError, match="10"):
        make_default_splits(metadata[metadata["strat_fold"] < 10])


def test_naming_the_datasets_loads_no_torch():
    code = "import sys, ssrl_ecg.data.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_datasets_are_sorted_and_named_as_they_call_themselves():
    assert list(DATASETS) == sorted(DATASETS)
    assert all(source.name == name for name, source in DATASETS.items())


@pytest.mark.real_data
def test_published_label_sets_on_the_sample(ptbxl_root):
    """Counted another way: a loop over the raw CSV files."""
    with open(ptbxl_root / "scp_statements.csv", newline="") as file:
        statements = {row[""]: row for row in csv.DictReader(file)}
    with open(ptbxl_root / "ptbxl_database.csv", newline="") as file:
        codes = [set(ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)]

    def count(kind, key):
        counts = {key(code): 0 for code, row in statements.items() if kind is None or row[kind] == "1.0"}
        for record in codes:
            for name in {key(code) for code in record if kind is None or statements[code][kind] == "1.0"}:
                counts[name] += 1
        return counts

    sets = PTBXL(ptbxl_root).label_sets(PTBXL(ptbxl_root).records())
    assert sets["super"].counts() == count("diagnostic", lambda code: statements[code]["diagnostic_class"])
    assert sets["sub"].counts() == count("diagnostic", lambda code: statements[code]["diagnostic_subclass"])
    for name, kind in (("diag", "diagnostic"), ("form", "form"), ("rhythm", "rhythm"), ("all", None)):
        assert sets[name].counts() == count(kind, lambda code: code)
    sizes = {name: len(labels.classes) for name, labels in sets.items()}
    assert sizes == {
        "super": 5,
        "sub": 23,
        "diag": 44,
        "form": 19,
        "rhythm": 12,
        "all": 71,
        "norm": 1,
        "super-single": 5,
    }
    assert sets["all"].empty_classes == ("INJIL", "INJIN")
    assert int((sets["super"].values.sum(axis=1) == 0).sum()) == 47


@pytest.mark.real_data
def test_published_names_on_the_sample(ptbxl_root):
    metadata = load_ptbxl_metadata(ptbxl_root)
    assert (len(metadata), metadata["patient_id"].nunique()) == (2277, 2226)
    labels = PTBXL(ptbxl_root).label_sets(PTBXL(ptbxl_root).records())["super"]
    train_idx = np.flatnonzero(metadata["strat_fold"] <= 6)
    subsets = {
        f: sample_labelled_indices(train_idx, labels, f, 3, patients=metadata["patient_id"]) for f in (0.01, 0.1)
    }
    assert [len(rows) for rows in subsets.values()] == [15, 149]
    assert set(subsets[0.01]) <= set(subsets[0.1]) <= set(train_idx)
    assert len(sample_labelled_indices(train_idx, labels, 0.1, 3)) == 149
    with pytest.raises(InputError, match="10"):
        make_default_splits(metadata)
