from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.split_lists import read_ids, split_by_lists
from ssrl_ecg.errors import InputError


@pytest.fixture
def records() -> pd.DataFrame:
    """Six records of five patients; the last two are one patient's."""
    return pd.DataFrame({"record_id": list("abcdef"), "patient_id": ["1", "2", "3", "4", "5", "5"]})


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_parts_are_the_listed_records_and_no_others(records, tmp_path):
    train = write(tmp_path, "train.csv", "record_id\nd\na\n")
    validation = write(tmp_path, "val.csv", "ecg_id,filename_hr,NORM\nb,x,1\n")
    test = write(tmp_path, "test.csv", "whatever\n f \ne\n")
    split = split_by_lists(records, train, validation, test)
    assert [rows.tolist() for rows in split.parts().values()] == [[0, 3], [1], [4, 5]]
    assert split_by_lists(records, train, None, test).validation.dtype == np.int64
    assert len(split_by_lists(records, train, None, test).validation) == 0


def test_ids_are_text_whatever_they_look_like(tmp_path):
    assert read_ids(write(tmp_path, "a.csv", "record_id,x\n007,1\n7,2\nNA,3\n")) == ["007", "7", "NA"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x,y\na,b\n", "header: lacks a column|lacks a column"),
        ("record_id\n", "names no record"),
        ("record_id\na\na\n", "listed twice"),
        ("", "cannot be read"),
        ("record_id\na\nzz\n", "1 of 2 listed records are not among the recordings"),
        ("record_id\ne\n", "1 patient\\(s\\) are in both train and test, for example 5"),
    ],
)
def test_mistakes_in_a_list_are_named(records, tmp_path, text, match):
    test = write(tmp_path, "test.csv", "record_id\nf\n")
    with pytest.raises(InputError, match=match):
        split_by_lists(records, write(tmp_path, "train.csv", text), None, test)


def test_a_missing_list_is_named(records, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv.*missing"):
        split_by_lists(records, tmp_path / "nowhere.csv", None, tmp_path / "nowhere.csv")
