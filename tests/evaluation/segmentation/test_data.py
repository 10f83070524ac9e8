from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.segmentation.data import read_task
from ssrl_ecg.signals.waves import UNMARKED


def test_fractions_are_nested_and_never_hold_a_tested_patient(task):
    for fold in (1, 2):
        subsets = [set(task.trained(fold, fraction)) for fraction in (0.25, 0.5, 1.0)]
        assert subsets[0] < subsets[1] < subsets[2]
        assert not subsets[2] & set(task.tested(fold))


def test_records_at_a_rate_are_made_once(task):
    assert task.records_at(100.0) is task.records_at(100.0)
    assert task.records_at(100.0).signal_mv.shape == (8, 12, 1000)
    assert task.truth.shape == (8, 12, 5000)


def test_what_was_left_out_is_said(task):
    assert task.problems == ["left out: record 0 II: lead has no annotation"]


def test_real_records_are_dealt_to_folds_by_patient(data_root):
    task = read_task(LUDB(data_root / "ludb"), n_folds=2, record_ids=["1", "2", "8"])
    assert sorted(np.unique(task.folds)) == [1, 2]
    assert (task.truth != UNMARKED).any(axis=(1, 2)).all()
    with pytest.raises(InputError, match="2 to 3, the number of patients"):
        read_task(LUDB(data_root / "ludb"), n_folds=4, record_ids=["1", "2", "8"])
