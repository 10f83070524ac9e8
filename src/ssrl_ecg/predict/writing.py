"""Predictions as text: a line or row per recording, written as they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TextIO

from ssrl_ecg.files import jsonable
from ssrl_ecg.predict.predictor import Prediction

Form = Literal["table", "csv", "json"]

_DECIMALS = 4


def rows_writer(
    form: Form, file: TextIO, classes: Sequence[str], calibration: str = ""
) -> Callable[[Path, Prediction], None]:
    """Write what comes before the first prediction, and return the function that writes one.

    Args:
        form: "table" for eyes; "csv", a row per recording; "json", an object per line and recording.
        file: where to.
        classes: of the classifier.
        calibration: how well it is calibrated, said once in a table; empty where that is not known.
    """
    if form == "json":
        return lambda path, prediction: _write_json(file, path, prediction)
    if form == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *classes, "positive", "label_set", "strangeness", "warnings"])
        return lambda path, prediction: writer.writerow(_fields(path, prediction))
    if calibration:
        file.write(f"calibration: {calibration}\n")
    return lambda path, prediction: file.writelines(f"{line}\n" for line in _lines(path, prediction))


def _write_json(file: TextIO, path: Path, prediction: Prediction) -> None:
    row = jsonable({"file": path, **prediction.to_dict()})
    row["probabilities"] = {name: round(value, _DECIMALS) for name, value in row["probabilities"].items()}
    if row["strangeness"] is not None:
        row["strangeness"] = round(row["strangeness"], _DECIMALS)
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _fields(path: Path, prediction: Prediction) -> list[object]:
    return [
        path.as_posix(),
        *(round(value, _DECIMALS) for value in prediction.probabilities.values()),
        " ".join(prediction.positive),
        "; ".join(f"{name}: {answer}" for name, answer in prediction.label_set.items()),
        "" if prediction.strangeness is None else round(prediction.strangeness, _DECIMALS),
        "; ".join(prediction.warnings),
    ]


def _lines(path: Path, prediction: Prediction) -> Iterator[str]:
    yield path.as_posix()
    width = max(map(len, prediction.probabilities))
    for name, value in prediction.probabilities.items():
        mark = "*" if name in prediction.positive else " "
        yield f"  {mark} {name:<{width}}  {value:6.1%}  {prediction.label_set.get(name, '')}".rstrip()
    if prediction.strangeness is not None:
        doubt = " (above 1: do not rely on this)" if prediction.strangeness > 1 else ""
        yield f"    strangeness {prediction.strangeness:.2f}{doubt}"
    for warning in prediction.warnings:
        yield f"    note: {warning}"
