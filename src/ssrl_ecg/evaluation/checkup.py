"""Is everything there that a run needs: packages, machine, and readable data? Each answer is one finding."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ssrl_ecg.data.source import Record, SignalFile, Source
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN

Level = Literal["ok", "note", "problem"]
"""A note is worth knowing and stops nothing; a problem will end a run."""

_PACKAGE = "ssrl-ecg"
_DEVELOPMENT = ("dev", "bench")
_LEAST_FREE_BYTES = 2e9
_N_TRIED = 20
_PLAUSIBLE_SD_MV = (0.02, 2.0)
"""Median over records of the median lead's SD: outside it units or leads are usually wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        subject: what was looked at.
        words: what was found and, if it is not well, what helps.
    """

    level: Level
    subject: str
    words: str


def check_installation() -> Iterator[Finding]:
    """Yield whether Python and every required package are there in versions that fit, and which extras are."""
    wanted = SpecifierSet(metadata(_PACKAGE)["Requires-Python"])
    fits = platform.python_version() in wanted
    yield Finding("ok" if fits else "problem", "Python", f"{platform.python_version()} (wanted {wanted})")
    required = [Requirement(line) for line in requires(_PACKAGE) or ()]
    core = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    missing = [words for words in map(_what_is_wrong, core) if words]
    if missing:
        yield Finding("problem", "packages", f"{'; '.join(missing)}: pip install --upgrade {_PACKAGE}")
    else:
        yield Finding("ok", "packages", f"{_PACKAGE} {version(_PACKAGE)} and {len(core)} packages it needs")
    for extra in metadata(_PACKAGE).get_all("Provides-Extra") or ():
        if extra not in _DEVELOPMENT:
            yield _check_extra(extra, required)


def _check_extra(extra: str, required: list[Requirement]) -> Finding:
    own = [one for one in required if one.marker is not None and one.marker.evaluate({"extra": extra})
           and not one.marker.evaluate({"extra": ""})]  # fmt: skip
    missing = [words for words in map(_what_is_wrong, own) if words]
    if missing:
        return Finding("note", f"extra {extra}", f"{'; '.join(missing)}: pip install '{_PACKAGE}[{extra}]'")
    return Finding("ok", f"extra {extra}", ", ".join(f"{one.name} {version(one.name)}" for one in own))


def _what_is_wrong(requirement: Requirement) -> str:
    """Say that a package is missing or of a version that does not fit; "" if all is well."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"no {requirement.name}"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is not {requirement.specifier}"


def check_machine(folder: Path) -> Iterator[Finding]:
    """Yield processor and threads, devices, whether torch computes, and whether there is room to write.

    Args:
        folder: where results would go.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    if threads > cores:
        yield Finding("note", "threads", f"{threads} on {cores} cores slow each other down: OMP_NUM_THREADS={cores}")
    else:
        yield Finding("ok", "threads", f"{threads} on {cores} cores")
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield Finding("ok", "devices", ", ".join(devices) or "no GPU; the processor is used")
    yield _check_computing()
    for name, place in (("results", folder), ("temporary files", Path(tempfile.gettempdir()))):
        yield _check_place(name, place)


def _check_computing() -> Finding:
    """Take one step of a small network, which fails where torch's libraries do not fit the machine."""
    began = time.perf_counter()
    try:
        encoder = ECGEncoder1DCNN(CNNConfig(width=4))
        encoder(torch.ones(2, 12, 250)).sum().backward()
        sound = all(p.grad is not None and bool(p.grad.isfinite().all()) for p in encoder.parameters())
    except RuntimeError as error:
        return Finding("problem", "torch", f"a step of a small network failed: {str(error).splitlines()[0]}")
    if not sound:
        return Finding("problem", "torch", "a step of a small network gave no finite gradients")
    return Finding(
        "ok", "torch", f"{torch.__version__}, a step of a small network in {time.perf_counter() - began:.2f} s"
    )


def _check_place(name: str, place: Path) -> Finding:
    """Write a file that vanishes, and look how much room there is."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"1")
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding("problem", name, f"{place} cannot be written to: {error.strerror}")
    words = f"{place} is writable, {free / 1e9:.0f} GB free"
    return Finding("ok" if free >= _LEAST_FREE_BYTES else "problem", name, words)


def check_data(source: Source) -> Iterator[Finding]:
    """Yield whether records of a source can be listed and read, what they look like, and how large a store becomes.

    Only some records are read, evenly spread over the source.
    """
    try:
        records = source.records()
    except InputError as error:
        yield Finding("problem", "data", str(error))
        return
    if len(records) == 0:
        yield Finding("problem", "data", f"no record in {source.root}")
        return
    patients = f" of {records['patient_id'].nunique()} patients" if "patient_id" in records else ""
    yield Finding("ok", "data", f"{len(records)} records{patients} listed in {source.root}")
    chosen = np.unique(np.linspace(0, len(records) - 1, _N_TRIED).round().astype(int))
    began = time.perf_counter()
    read: list[SignalFile] = []
    failed: list[str] = []
    for record in records.iloc[chosen].itertuples():
        try:
            read.append(source.read(cast("Record", record)))
        except InputError as error:
            failed.append(str(error))
    took_s = (time.perf_counter() - began) / len(chosen)
    if failed:
        yield Finding("note" if read else "problem", "reading", f"{len(failed)} of {len(chosen)} failed: {failed[0]}")
    if read:
        yield _describe_signals(read)
        size = 2 * 12 * source.expected.n_samples * len(records)
        yield Finding("ok", "store", f"would take {size / 1e6:.0f} MB and about {took_s * len(records):.0f} s to build")


def _describe_signals(read: list[SignalFile]) -> Finding:
    sd_mv = statistics.median(float(np.nanmedian(np.nanstd(file.signal_mv, axis=1))) for file in read)
    rates = ", ".join(f"{rate:g}" for rate in sorted({file.sampling_rate_hz for file in read}))
    words = f"{len(read)} records read: {rates} Hz, {len(read[0].leads)} leads, typical SD {1000 * sd_mv:.0f} uV"
    low, high = _PLAUSIBLE_SD_MV
    if low <= sd_mv <= high:
        return Finding("ok", "signals", words)
    return Finding("note", "signals", f"{words}, which is unlike an ECG in mV; is the unit right?")
