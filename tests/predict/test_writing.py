"""Rows say what the prediction says, and can be read back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ssrl_ecg.predict.predictor import Prediction
from ssrl_ecg.predict.writing import rows_writer

PREDICTION = Prediction(
    {"NORM": 0.123456, "MI": 0.9}, ("MI",), {"NORM": "no", "MI": "yes or no"}, 1.25, ("flat: V1", "odd")
)
PLAIN = Prediction({"NORM": 0.5, "MI": 0.25}, (), {}, None, ())


def written(form, calibration=""):
    file = io.StringIO()
    write = rows_writer(form, file, ("NORM", "MI"), calibration)
    write(Path("a, b.hea"), PREDICTION)
    write(Path("c.hea"), PLAIN)
    return file.getvalue()


def test_json_is_an_object_per_line():
    first, second = map(json.loads, written("json").splitlines())
    assert first == {
        "file": "a, b.hea",
        "probabilities": {"NORM": 0.1235, "MI": 0.9},
        "positive": ["MI"],
        "label_set": {"NORM": "no", "MI": "yes or no"},
        "strangeness": 1.25,
        "warnings": ["flat: V1", "odd"],
    }
    assert second["strangeness"] is None


def test_csv_quotes_what_needs_it():
    first, second = csv.DictReader(io.StringIO(written("csv")))
    assert (first["file"], float(first["MI"]), first["positive"]) == ("a, b.hea", 0.9, "MI")
    assert first["label_set"] == "NORM: no; MI: yes or no"
    assert first["warnings"] == "flat: V1; odd"
    assert second["strangeness"] == ""


@pytest.mark.parametrize("text", ["* MI", "90.0%  yes or no", "strangeness 1.25 (above 1", "note: flat: V1"])
def test_table_is_for_eyes(text):
    assert text in written("table")
    assert written("table").count("strangeness") == 1


def test_a_table_begins_with_the_calibration_and_what_programs_read_does_not():
    assert written("table", "ECE 0.03") == "calibration: ECE 0.03\n" + written("table")
    assert [written(form, "ECE 0.03") for form in ("csv", "json")] == [written("csv"), written("json")]
