"""``ssrl-ecg predict``: what a classifier says of recordings, and how far to believe it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.file_options import FileOptions, Rejections
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.deployment.hub import checkpoint_file
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path
from ssrl_ecg.predict.predictor import COVERAGE, Predictor
from ssrl_ecg.predict.writing import Form, rows_writer
from ssrl_ecg.weights import packaged_classifier


@dataclass(frozen=True, kw_only=True)
class PredictOptions(FileOptions):
    """Probabilities, label sets and warnings for recordings. Research use, not a medical device.

    The first line says how well a calibrated classifier is calibrated: its expected calibration error (ECE). A star
    marks classes above their threshold. Behind each probability stand the answers that are left open if the right one
    is to be among them in --coverage of all cases. A strangeness above 1 says that the recording is unlike those the
    classifier was trained on. The exit code is 3 when recordings had to be left out.
    """

    checkpoint: Path | None = None
    """Checkpoint of a classifier: a file, a folder in the Hub's layout, or ORGANISATION/NAME on the Hub; without it the
    one that comes with the package."""
    coverage: float = COVERAGE
    """Share of right answers that label sets keep, for each class, in (0, 1)."""
    json: bool = False
    """Print one JSON object per line and recording."""
    csv: bool = False
    """Print a CSV row per recording."""
    out: Path | None = None
    """Write to this file, .csv or .jsonl by its suffix; beside it NAME.rejected.csv with reasons."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if recordings were left out."""
    options = parse(PredictOptions, argv, "ssrl-ecg predict")
    form, paths = _form(options), options.recordings()
    path = packaged_classifier() if options.checkpoint is None else checkpoint_file(options.checkpoint)
    predictor = Predictor.load(path, coverage=options.coverage)
    classes, reliability = predictor.checkpoint.classes, predictor.reliability
    calibration = "" if reliability is None else reliability.calibration
    with _output(options.out) as file, Rejections(options.out, len(paths)) as rejections:
        write = rows_writer(form, file, classes, calibration)
        for outcome in options.outcomes(predictor, paths):
            if outcome.answer is None:
                rejections.add(outcome.path, outcome.rejected)
            else:
                write(outcome.path, outcome.answer)
    return INCOMPLETE if rejections.n_rejected else DONE


def _form(options: PredictOptions) -> Form:
    if options.json and options.csv:
        raise InputError("give one of --json and --csv")
    if options.out is None:
        return "json" if options.json else "csv" if options.csv else "table"
    forms: dict[str, Form] = {".csv": "csv", ".jsonl": "json", ".json": "json"}
    if options.out.suffix not in forms:
        raise InputError("unknown kind of file", file=options.out, expected=".csv or .jsonl", found=options.out.suffix)
    return forms[options.out.suffix]


@contextmanager
def _output(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
