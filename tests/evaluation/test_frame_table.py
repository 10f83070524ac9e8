from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.evaluation.frame_table import frame_table, heading

FRAME = pd.DataFrame(
    {
        "row": ["SimCLR", "supervised"],
        "label_fraction": [0.01, 1.0],
        "n_records": [1488, 15],
        "auroc": [0.87349, math.nan],
        "auroc_low": [0.86, math.nan],
        "auroc_high": [0.89, math.nan],
        "onset_error_ms": [-12.34, 3.5],
        "p": [0.0001, 0.2],
        "paced": [True, False],
        "cell": ["cells/a/1pct-00.npz; cells/a/1pct-01.npz", "cells/b/100pct-00.npz"],
    }
)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def shown(frame):
    (group,) = frame_table("caption", frame).groups
    return [[header, *(plain(cell.text) for cell in cells)] for header, cells in group.rows]


def test_columns_names_say_how_their_numbers_are_written():
    assert shown(FRAME) == [
        ["SimCLR", "1 %", "1,488", "0.873 [0.860, 0.890]", "−12.34", "< 0.001", "yes", "2 files"],
        ["supervised", "100 %", "15", "–", "3.50", "0.200", "no", "1 file"],
    ]
    assert frame_table("", FRAME).columns == (
        "Row", "Label fraction", "Records", "AUROC", "Onset error (ms)", "p", "Paced", "Cell",
    )  # fmt: skip


def test_numbers_sort_by_all_their_digits_and_undefined_ones_by_none():
    (group,) = frame_table("", FRAME).groups
    auroc = [cells[2].value for _, cells in group.rows]
    assert auroc == [0.87349, None]


def test_files_behind_a_row_are_told():
    (group,) = frame_table("", FRAME).groups
    assert group.rows[0][1][-1].sources == ("cells/a/1pct-00.npz", "cells/a/1pct-01.npz")


def test_value_low_high_are_one_cell_and_numpy_integers_are_numbers():
    frame = pd.DataFrame({"row": ["a"], "value": [0.5], "low": [0.4], "high": [0.6], "n": np.array([2000], np.int32)})
    assert shown(frame) == [["a", "0.500 [0.400, 0.600]", "2,000"]]


@pytest.mark.parametrize(
    ("name", "words"),
    [("macro_auroc", "Macro AUROC"), ("p", "p"), ("p_holm", "p Holm"), ("snr_db", "SNR (dB)"), ("n_beats", "Beats")],
)
def test_columns_names_become_words(name, words):
    assert heading(name) == words
