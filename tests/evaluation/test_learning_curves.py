from __future__ import annotations

import math

import matplotlib.image
import pandas as pd
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.learning_curves import curve_names, read_history, sparkline, text_curves, write_learning_curves
from ssrl_ecg.training.history import write_history

ROWS = [
    {"epoch": 0.0, "loss": 2.0, "auroc": math.nan, "once": 1.0},
    {"epoch": 1.0, "loss": 1.0, "auroc": 0.5},
    {"epoch": 2.0, "loss": 0.25, "auroc": 0.75},
]


@pytest.fixture
def history(tmp_path) -> pd.DataFrame:
    write_history(tmp_path / "history.csv", ROWS)
    return read_history(tmp_path / "history.csv")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7.0, 0.0], "█▁"),
        ([1.0, math.nan, 2.0], "▁ █"),
        ([3.0, 3.0], "▄▄"),
        ([math.nan], " "),
        ([], ""),
    ],
)
def test_bars_go_from_the_lowest_to_the_highest_value(values, expected):
    assert sparkline(values) == expected


def test_more_values_than_places_are_averaged_in_neighbours():
    assert sparkline([0, 2, 8, 6], width=2) == sparkline([1, 7])
    assert sparkline([0, math.nan, 8, 6], width=2) == sparkline([0, 7])
    assert len(sparkline(range(1000), width=40)) == 40


def test_every_number_with_two_values_has_a_line(history):
    assert curve_names(history) == ["loss", "auroc"]
    assert text_curves(history) == ["loss          2 █▄▁ 0.25", "auroc       0.5  ▁█ 0.75"]


def test_the_picture_is_one_file_with_something_in_it(history, tmp_path):
    path = tmp_path / "run" / "curves.png"
    write_learning_curves(history, path)
    picture = matplotlib.image.imread(path)
    assert picture[..., :3].std() > 0.01
    assert [one.name for one in path.parent.iterdir()] == ["curves.png"]


def test_a_history_of_one_epoch_has_no_picture(history, tmp_path):
    write_learning_curves(history[:1], tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
    assert text_curves(history[:1]) == []


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n0,high\n"])
def test_what_is_no_history_is_refused(content, tmp_path):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"history\.csv: not a history of numbers"):
        read_history(path)
