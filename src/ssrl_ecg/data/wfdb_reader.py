"""Read WFDB records: format 16 by ourselves, some 25 times faster than the reference reader; the rest through it.

The format is described in the WFDB Applications Guide, ``header(5)`` and ``signal(5)`` (Moody, PhysioNet). Format 16
holds all signals interleaved as little-endian 16-bit two's complement integers; -32768 marks an invalid sample.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError

MAX_HEADER_BYTES = 1 << 20
MAX_VALUES = 1 << 27
"""Most samples, all leads together, that one record may hold: 1 GB where they are scaled in float64."""

_INVALID = -32768
_MILLIVOLT_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3}

_DEFAULT_RATE_HZ = 250.0
_DEFAULT_GAIN = 200.0
_DEFAULT_FIELDS = ("", "", "0", "12", "0", "0", "0", "0", "")
"""Fields of a signal line that ends early: file, format, gain, ADC resolution and zero, initial value, checksum, block
size, description."""

_RATE = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?:/\S*)?")
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(r"(-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?:\((-?\d+)\))?(?:/(\S+))?")


class _Header(NamedTuple):
    """A header file: from ``files`` on, one field of every signal line; all empty for a record of several segments."""

    sampling_rate_hz: float
    n_samples: int | None
    files: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


class _Format(NamedTuple):
    """How a signal's samples lie in its file; plain means one sample per frame, not skewed."""

    number: int
    is_plain: bool
    byte_offset: int


class WFDBAnnotations(NamedTuple):
    """The marks of an annotation file, in its order, which is that of time.

    Attributes:
        samples: (mark,) int64, sample each mark stands at.
        symbols: (mark,) text, its WFDB code such as ``N``, ``(`` or ``+``.
        notes: (mark,) text, its free text, often empty.
    """

    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]
    notes: NDArray[np.str_]


class _Scaling(NamedTuple):
    """``mV = (sample - baseline) / gain * millivolt_per_unit``: (lead, 1) arrays, the last None where all are 1.

    They are float32 where that changes nothing: the quotient of two float32 numbers, rounded to float32, is the same
    whether or not it is rounded to float64 before, which has more than twice the bits.
    """

    baseline: NDArray[Any]
    gain: NDArray[Any]
    millivolt_per_unit: NDArray[np.float64] | None


def read_wfdb(path: str | Path) -> SignalFile:
    """Read a WFDB record.

    Samples the file marks invalid become NaN. Checksums in the header of a format-16 record are verified; a header in
    which all of them are 0 counts as having none.

    Args:
        path: the record, with or without ``.hea``.

    Returns:
        (lead, time) in mV, leads in the file's order and spelling; what ``wfdb.rdrecord`` gives, rounded to float32.

    Raises:
        InputError: the header or the signals are missing, unreadable, shorter than the header says, damaged
            (checksum), not a voltage, or more than ``MAX_VALUES``.
    """
    record = os.fspath(path).removesuffix(".hea")
    try:
        header = _parse_header(_header_text(f"{record}.hea"))
        layout = _common_format(header)
        if layout is None:
            return _read_by_wfdb(record)
        samples = _read_samples(os.path.join(os.path.dirname(record), header.files[0]), header, layout.byte_offset)
        _verify_checksums(samples, header)
        signal_mv = _to_millivolts(samples, _scaling(header.gains, header.zeros))
    except InputError as error:
        found, expected, field = error.found, error.expected, error.field
        raise InputError(error.what, file=f"{record}.hea", field=field, expected=expected, found=found) from error
    return SignalFile(signal_mv, header.sampling_rate_hz, header.leads)


def read_wfdb_header(path: str | Path) -> tuple[float, int | None, dict[str, str]]:
    """Read what a header says beside its signals.

    Args:
        path: the header.

    Returns:
        Sampling rate in Hz; samples per lead, None if it does not say; and its comment lines ``NAME: VALUE``, by name.

    Raises:
        InputError: the header is missing or unreadable.
    """
    text = _header_text(os.fspath(path))
    header = _parse_header(text)
    comments = (line[1:].partition(":") for line in text.splitlines() if line.startswith("#"))
    return header.sampling_rate_hz, header.n_samples, {name.strip(): value.strip() for name, _, value in comments}


def read_wfdb_annotations(path: str | Path, extension: str, n_samples: int) -> WFDBAnnotations:
    """Read a WFDB annotation file through the reference reader.

    Args:
        path: the record, without a suffix.
        extension: the annotator, such as ``atr``.
        n_samples: the record's length: marks lie before it.

    Raises:
        InputError: the file is missing or unreadable, or a mark lies outside the record.
    """
    import wfdb

    record = os.fspath(path)
    file = f"{record}.{extension}"
    if not os.path.isfile(file):
        raise InputError("annotation file is missing", file=file)
    try:
        read: Any = wfdb.rdann(record, extension)
        samples = np.asarray(read.sample, dtype=np.int64)
        notes = [str(note).rstrip("\0") for note in read.aux_note]
        marks = WFDBAnnotations(samples, np.array(read.symbol, dtype=np.str_), np.array(notes, dtype=np.str_))
    except Exception as error:  # whatever its parser stumbles over in a damaged file
        raise InputError(f"annotation file cannot be read: {error}", file=file) from error
    outside = samples[(samples < 0) | (samples >= n_samples)]
    if len(outside):
        expected = f"samples 0 to {n_samples - 1}"
        raise InputError("mark lies outside the record", file=file, expected=expected, found=int(outside[0]))
    return marks


def _header_text(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_HEADER_BYTES:
                raise InputError("record header is too long", expected=f"at most {MAX_HEADER_BYTES} bytes", found=size)
            return file.read(size).decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise InputError("record header is missing") from None
    except OSError as error:
        raise InputError(f"record header cannot be read: {error.strerror}") from error


def _parse_header(text: str) -> _Header:
    lines = [line for line in text.splitlines() if line and not line.isspace() and line[0] != "#"]
    fields = lines[0].split() if lines else []
    rate = _RATE.fullmatch(fields[2]) if len(fields) > 2 else None
    if len(fields) < 2 or not _is_count(fields[1]) or (len(fields) > 2 and rate is None):
        raise _unreadable("record line", lines[0] if lines else "nothing")
    n_signals = int(fields[1])
    n_samples = int(fields[3]) if len(fields) > 3 and _is_count(fields[3]) else 0
    rate_hz = float(rate[1]) if rate else _DEFAULT_RATE_HZ
    if n_signals < 1 or rate_hz <= 0:
        raise InputError("record header describes no signal", field="record line", found=lines[0][:80])
    if n_signals * max(n_samples, 1) > MAX_VALUES:
        raise InputError("record is too large", expected=f"at most {MAX_VALUES} values", found=lines[0][:80])
    if "/" in fields[0]:
        _refuse_other_folders(line.split(maxsplit=1)[0] for line in lines[1:])
        return _Header(rate_hz, n_samples or None)
    if len(lines) <= n_signals:
        raise InputError("record header lacks signal lines", expected=n_signals, found=len(lines) - 1)
    return _Header(rate_hz, n_samples or None, *_signal_columns(lines[1 : n_signals + 1]))


def _signal_columns(lines: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return files, formats, gains, zeros, checksums and descriptions of the signal lines."""
    rows = [line.split(maxsplit=8) for line in lines]
    for row in rows:
        if len(row) < len(_DEFAULT_FIELDS):
            row.extend(_DEFAULT_FIELDS[len(row) :])
    files, formats, gains, _, zeros, _, checksums, _, leads = zip(*rows, strict=True)
    _refuse_other_folders(files)
    return files, formats, gains, zeros, checksums, tuple(lead.strip() for lead in leads)


def _refuse_other_folders(names: Iterable[str]) -> None:
    for name in set(names):
        if "/" in name or "\\" in name:
            raise InputError("a record's files must lie beside its header", found=name)


def _is_count(field: str) -> bool:
    return field.isascii() and field.isdecimal() and len(field) < 20


def _unreadable(field: str, found: str) -> InputError:
    return InputError("unreadable record header", field=field, found=found[:80])


def _common_format(header: _Header) -> _Format | None:
    """Return the format if all signals lie in one file as plain format 16, else None."""
    if len(set(header.files)) != 1 or len(set(header.formats)) != 1:
        return None
    layout = _parse_format(header.formats[0])
    return layout if layout.number == 16 and layout.is_plain else None


@lru_cache(maxsize=256)
def _parse_format(field: str) -> _Format:
    match = _FORMAT.fullmatch(field)
    if match is None:
        raise _unreadable("format", field)
    number, per_frame, skew, offset = (int(group) if group else None for group in match.groups())
    return _Format(number or 0, per_frame in (None, 1) and not skew, offset or 0)


@lru_cache(maxsize=256)
def _scaling(gains: tuple[str, ...], zeros: tuple[str, ...]) -> _Scaling:
    """Parse the gain fields, such as ``1000.0(0)/mV``; a baseline that is not in them is the ADC zero."""
    parsed = [_GAIN.fullmatch(field) for field in gains]
    try:
        gain = np.array([[float(match[1]) or _DEFAULT_GAIN] for match in parsed if match])
        baseline = np.array([[int(match[2] or zero)] for match, zero in zip(parsed, zeros, strict=True) if match])
    except ValueError:
        raise _unreadable("ADC zero", ", ".join(zeros)) from None
    if len(gain) < len(gains) or not np.isfinite(gain).all():
        raise _unreadable("gain", ", ".join(gains))
    per_unit = np.array([[_millivolt_per_unit(match[3] or "mV")] for match in parsed if match])
    is_millivolt = bool((per_unit == 1).all())
    is_exact = is_millivolt and (gain.astype(np.float32) == gain).all() and np.abs(baseline).max() < 1 << 23
    dtype = np.float32 if is_exact else np.float64
    return _Scaling(baseline.astype(dtype), gain.astype(dtype), None if is_millivolt else per_unit)


def _millivolt_per_unit(unit: str) -> float:
    if unit.lower() not in _MILLIVOLT_PER_UNIT:
        raise InputError("signal is not a voltage", field="unit", expected="mV, uV or V", found=unit)
    return _MILLIVOLT_PER_UNIT[unit.lower()]


def _read_samples(path: str, header: _Header, byte_offset: int) -> NDArray[np.int16]:
    """Return (lead, time) int16; the file's size is compared with the header before anything is read."""
    n_leads = len(header.leads)
    try:
        with open(path, "rb", buffering=0) as file:
            available = max(os.fstat(file.fileno()).st_size - byte_offset, 0) // (2 * n_leads)
            n_samples = available if header.n_samples is None else header.n_samples
            if available < n_samples or n_samples == 0:
                found = f"{available} samples per lead"
                raise InputError("signal file is short", expected=header.n_samples or "samples", found=found)
            if n_samples * n_leads > MAX_VALUES:
                raise InputError("signal file is too large", expected=f"at most {MAX_VALUES} values")
            file.seek(byte_offset)
            content = file.read(2 * n_leads * n_samples)
    except OSError as error:
        name = os.path.basename(path)
        raise InputError(f"signal file {name} cannot be read: {error.strerror}") from error
    return np.ascontiguousarray(np.frombuffer(content, dtype="<i2").reshape(n_samples, n_leads).T)


def _verify_checksums(samples: NDArray[np.int16], header: _Header) -> None:
    """Compare each lead's sum modulo 65536 with its header field, which may be written signed or unsigned."""
    try:
        expected = [int(field) for field in header.checksums]
    except ValueError:
        raise _unreadable("checksum", ", ".join(header.checksums)) from None
    sums = samples.sum(axis=1, dtype=np.int16).tolist()
    damaged = [
        lead for lead, wanted, found in zip(header.leads, expected, sums, strict=True) if (wanted - found) % 65536
    ]
    if damaged and any(expected):
        raise InputError("signal file is damaged: its checksum is not the header's", found=f"lead {', '.join(damaged)}")


def _to_millivolts(samples: NDArray[np.int16], scaling: _Scaling) -> NDArray[np.float32]:
    scaled: NDArray[Any] = samples.astype(scaling.baseline.dtype)
    scaled -= scaling.baseline
    scaled /= scaling.gain
    if scaling.millivolt_per_unit is not None:
        scaled *= scaling.millivolt_per_unit
    if samples.min() == _INVALID:
        scaled[samples == _INVALID] = np.nan
    signal_mv: NDArray[np.float32] = scaled.astype(np.float32, copy=False)
    return signal_mv


def _read_by_wfdb(record: str) -> SignalFile:
    import wfdb  # 0.5 s to import, and most records do not need it

    try:
        read: Any = wfdb.rdrecord(record)
    except Exception as error:  # whatever its parsers stumble over in a damaged file
        raise InputError(f"record cannot be read: {error}") from error
    scale = np.array([_millivolt_per_unit(unit) for unit in read.units])
    signal_mv = np.ascontiguousarray((read.p_signal * scale).T, dtype=np.float32)
    return SignalFile(signal_mv, float(read.fs), tuple(str(name) for name in read.sig_name))
