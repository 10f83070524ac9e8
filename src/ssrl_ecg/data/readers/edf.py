"""EDF, EDF+ and BDF, through pyedflib; annotation signals and channels that are no ECG lead are left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ssrl_ecg.data.readers.waveform import (
    Given,
    Waveform,
    check_size,
    check_values,
    lead_name,
    mv_per_unit,
    needed,
    same_length,
)
from ssrl_ecg.errors import InputError

_MAGIC = (b"0       ", b"\xffBIOSEMI")


def is_edf(path: Path, head: bytes) -> bool:
    """Whether a file begins as EDF or BDF do."""
    return head.startswith(_MAGIC)


def read_edf(path: Path, given: Given) -> Waveform:
    """Read the ECG leads.

    Raises:
        InputError: the file is damaged, has interruptions (EDF+D), or its leads differ in rate; or pyedflib is not
            installed.
    """
    pyedflib = needed("pyedflib", "EDF")
    check_size(path)
    _check_length(path)
    try:
        with (
            _without_empty_promise(path) as readable,
            pyedflib.EdfReader(str(readable), annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS) as file,
        ):
            return _read_leads(file, given)
    except InputError:
        raise
    except Exception as error:  # whatever its parser stumbles over in a damaged file, interruptions among it
        raise InputError(f"EDF cannot be read: {error}") from error


@contextmanager
def _without_empty_promise(path: Path) -> Iterator[Path]:
    """Yield a file as the library can read it: itself, or a copy that does not call itself EDF+C or BDF+C.

    Some programs (biosig is one) say so of files without the annotation signal that EDF+ demands (Kemp and Olivan
    2003). Uninterrupted and without annotations, such a file is a plain one.
    """
    with path.open("rb") as file:
        head = file.read(256)
        n_signals = head[252:256].strip()
        labels = file.read(16 * int(n_signals)) if n_signals.isdigit() else b""
    if head[192:197] not in (b"EDF+C", b"BDF+C") or b"F Annotations" in labels:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with copy.open("r+b") as file:
            file.seek(192)
            file.write(b" " * 44)
        yield copy


def _check_length(path: Path) -> None:
    """Refuse a file that is not as long as its header says; the library would print so and say less.

    Fields of the header are at the places that "EDF" (Kemp et al. 1992) gives them; those that are no numbers are left
    to the library.

    Raises:
        InputError: such a file.
    """
    with path.open("rb") as file:
        head = file.read(256)
        try:
            n_header, n_records, n_signals = (int(head[a:b]) for a, b in ((184, 192), (236, 244), (252, 256)))
            file.seek(256 + 216 * n_signals)
            n_samples = sum(int(file.read(8)) for _ in range(n_signals))
        except (ValueError, OSError):
            return
    width = 2 if head.startswith(_MAGIC[0]) else 3
    expected, found = n_header + n_records * n_samples * width, path.stat().st_size
    if n_records >= 0 and expected != found:
        raise InputError("file is not as long as its header says", expected=f"{expected} bytes", found=f"{found} bytes")


def _read_leads(file: Any, given: Given) -> Waveform:
    labels = [str(label) for label in file.getSignalLabels()]
    channels = [channel for channel, label in enumerate(labels) if lead_name(label)]
    names = [labels[channel] for channel in channels]
    rates = {float(file.getSampleFrequency(channel)) for channel in channels}
    if not channels:
        raise InputError(
            "no signal is named after a lead", expected="such as I or ECG I", found=", ".join(labels)[:200]
        )
    if len(rates) > 1:
        raise InputError("leads differ in sampling rate", found=", ".join(f"{rate:g} Hz" for rate in sorted(rates)))
    rate_hz = rates.pop()
    n_samples = min(given.n_samples(rate_hz), int(file.getNSamples()[channels].max()))
    check_values(n_samples * len(channels))
    units = [str(file.getPhysicalDimension(channel)).strip() for channel in channels]
    unit = "mV" if all(units) else None
    scales = [mv_per_unit(one) if unit else 1.0 for one in units]
    signals = [
        np.asarray(file.readSignal(channel, 0, n_samples)) * scale
        for channel, scale in zip(channels, scales, strict=True)
    ]
    return Waveform(same_length(signals, names), rate_hz, tuple(names), unit)
