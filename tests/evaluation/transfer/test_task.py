from __future__ import annotations

import os

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.transfer.task import beat_folds, open_task, part_rows
from ssrl_ecg.signals.preprocessing import Preprocessing

RAW = Preprocessing(window_s=2.0, normalisation="none")


def test_bad_records_are_listed_with_a_reason_and_the_rest_goes_on(tmp_path, write_record):
    write_record(tmp_path, "101")
    write_record(tmp_path, "106", last_mark=360 * 40)
    write_record(tmp_path, "100", flat=(1,))
    task = open_task(tmp_path, RAW, ("101", "106", "108"), ("100",))
    assert (task.train, task.test) == (("101",), ("100",))
    assert [one.record_id for one in task.rejected] == ["106", "108", "100"]
    reasons = [one.reason for one in task.rejected]
    assert "beat beyond the record's end" in reasons[0]
    assert "108.hea" in reasons[1]
    assert reasons[2] == "lead V1 is flat"


def test_no_usable_record_on_one_side_is_refused(tmp_path, write_record):
    write_record(tmp_path, "101")
    with pytest.raises(InputError, match="no test record can be used"):
        open_task(tmp_path, RAW, ("101",), ("100",))
    with pytest.raises(InputError, match="no training record"):
        open_task(tmp_path, RAW, ("106",), ("101",))


def test_202_is_the_man_of_201(mitbih):
    task = open_task(mitbih, RAW, ("101", "201"), ("100", "202"))
    assert task.test == ("100", "202")
    assert task.apart == ("100",)
    assert open_task(mitbih, RAW, ("101",), ("100", "202")).apart == ("100", "202")


def test_parts_and_folds_keep_records_whole_and_test_beats_have_none(mitbih):
    task = open_task(mitbih, RAW, ("101", "106", "108", "201"), ("100", "103"))
    beats = task.beats(RAW)
    assert beats is task.beats(RAW)
    train, test = part_rows(beats, task.train), part_rows(beats, task.test)
    assert len(train) + len(test) == len(beats)
    folds = beat_folds(beats, task.train)
    assert (folds[test] == -1).all()
    assert sorted({*zip(beats.record[train], folds[train], strict=True)}) == [
        (n, folds[beats.record == n][0]) for n in range(4)
    ]
    assert set(folds[train]) == {0, 1, 2, 3}


def test_the_fingerprint_changes_with_the_files(tmp_path, write_record):
    for name in ("101", "100"):
        write_record(tmp_path, name)
    before = open_task(tmp_path, RAW, ("101",), ("100",)).fingerprint
    os.utime(tmp_path / "100.dat", (1, 1))
    assert open_task(tmp_path, RAW, ("101",), ("100",)).fingerprint == before
    write_record(tmp_path, "100", seed=3)
    assert open_task(tmp_path, RAW, ("101",), ("100",)).fingerprint != before
    assert np.char.isalnum(before)
