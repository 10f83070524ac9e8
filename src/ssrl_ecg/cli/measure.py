"""``ssrl-ecg measure``: intervals, amplitudes, axes and indices of recordings, with units."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import tyro

from ssrl_ecg.cli.data_options import DataOptions
from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.recording import FileReader, RecordingFiles
from ssrl_ecg.data.source import Record
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.measurement_files import beside, check_target, write_measurements
from ssrl_ecg.evaluation.measurement_table import Recordings, measure_records
from ssrl_ecg.files import atomic_path
from ssrl_ecg.signals.delineation import delineate
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurements import measure


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """Measure recordings as an electrocardiograph does: one on the terminal, many into a table.

    Values that cannot be measured are left empty and listed with their reason. The exit code is 3 when recordings had
    to be left out. What the names mean is in docs/measurements.md. Not a medical device.
    """

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Recordings of any format that docs/formats.md lists, each measured at its own rate."""
    data: str | None = None
    """In place of files: a folder of PTB-XL, or KIND:FOLDER as other commands take it."""
    labels_csv: Path = Path("labels.csv")
    """Table of a folder: source, relative to the folder."""
    sampling_rate_hz: float | None = None
    """Samples per second at which --data is read; without it 100 for PTB-XL, which has 100 and 500, else 500."""
    file_rate_hz: float | None = None
    """Sampling rate of files that do not tell theirs."""
    unit: Literal["mV", "uV", "V"] | None = None
    """Unit of files that do not tell theirs; without it mV, checked for plausibility."""
    leads: tuple[str, ...] = LEADS
    """Names of leads that a file leaves unnamed, in its order."""
    out: Path | None = None
    """Table to write, .csv or .parquet; beside it NAME.missing.csv and NAME.rejected.csv with reasons."""
    picture: Path | None = None
    """PNG, PDF or SVG of a single recording on ECG paper, its waves marked."""
    n_jobs: int = 0
    """Processes; 0 for one per processor core."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if recordings were left out."""
    options = parse(MeasureOptions, argv, "ssrl-ecg measure")
    if bool(options.files) == (options.data is not None):
        raise InputError("give either files or --data", found="both" if options.files else "neither")
    if options.out is not None:
        return _measure_many(options, options.out)
    if len(options.files) != 1:
        raise InputError("several recordings are measured into a table: give --out TABLE.csv")
    return _measure_one(options)


def _recordings(options: MeasureOptions) -> Recordings:
    if options.data is None:
        return RecordingFiles(options.files, FileReader(options.file_rate_hz, options.unit, options.leads))
    named = DataOptions(
        data=options.data, labels_csv=options.labels_csv, file_rate_hz=options.file_rate_hz, unit=options.unit
    )
    is_ptbxl = Path(options.data).exists() or options.data.startswith("ptbxl:")
    return named.source(options.sampling_rate_hz or (100.0 if is_ptbxl else 500.0))


def _measure_many(options: MeasureOptions, out: Path) -> int:
    if options.picture is not None:
        raise InputError("a picture shows a single recording: leave out --out", field="--picture")
    check_target(out)
    table = measure_records(_recordings(options), n_jobs=options.n_jobs or os.cpu_count() or 1)
    if table.values.empty:
        first = f"{table.rejected['record_id'].iloc[0]}: {table.rejected['reason'].iloc[0]}"
        raise InputError(f"none of the {len(table.rejected)} recordings can be measured", found=first)
    write_measurements(table, out)
    n_measured, n_rejected = len(table.values), len(table.rejected)
    print(f"{out}: {n_measured} recordings, {table.values.shape[1]} measurements; missing: {beside(out, 'missing')}")
    if n_rejected == 0:
        return DONE
    print(f"{n_rejected} recordings were left out; their reasons: {beside(out, 'rejected')}")
    return INCOMPLETE


def _measure_one(options: MeasureOptions) -> int:
    from ssrl_ecg.evaluation.measurement_sheet import measurement_picture, measurement_text  # with matplotlib

    recordings = _recordings(options)
    record = cast(Record, next(recordings.records().itertuples(index=False)))
    recording = recordings.read(record)
    delineation = delineate(recording.signal_mv, recording.sampling_rate_hz)
    measured = measure(recording.signal_mv, recording.sampling_rate_hz, delineation)
    name = f"{record.record_id}: {delineation.duration_s:g} s at {recording.sampling_rate_hz:g} Hz"
    print(measurement_text(name, measured))
    for warning in recording.warnings:
        print(f"note: {warning}")
    if options.picture is not None:
        figure = measurement_picture(
            Path(record.path).stem, recording.signal_mv, recording.sampling_rate_hz, delineation, measured
        )
        with atomic_path(options.picture) as temporary:
            figure.savefig(temporary, format=options.picture.suffix[1:].lower() or "png", dpi=150)
        print(f"picture: {options.picture}")
    return DONE
