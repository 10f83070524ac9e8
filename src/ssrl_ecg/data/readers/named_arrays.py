"""Files that hold arrays under names (NPZ, MATLAB, HDF5): which one is the ECG, and what the others say of it.

There is no standard, so names that are in use are looked for, in any case: sampling rate, unit and leads, as arrays of
their own or as attributes. What is not found is asked of the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.waveform import Given, Waveform, check_values, lead_name, leads_first
from ssrl_ecg.errors import InputError

SMALL = 256
"""Most values of an array that is loaded for what it may say."""

RATE_NAMES = ("sampling_rate_hz", "sampling_rate", "sampling_frequency", "sample_rate", "fs", "sfreq", "rate_hz")
UNIT_NAMES = ("unit", "units")
LEAD_NAMES = ("leads", "lead_names", "sig_name", "channels", "channel_names", "ch_names")


def waveform_of(
    shapes: Mapping[str, tuple[int, ...]],
    facts: Mapping[str, Any],
    load: Callable[[str], NDArray[Any]],
    given: Given,
) -> Waveform:
    """Find the ECG among named arrays and load it.

    Args:
        shapes: name -> shape of every array of real numbers.
        facts: name -> value of what is small: numbers, texts, arrays of either.
        load: returns an array by its name.
        given: what the user says.

    Raises:
        InputError: no array, or several, have an axis as long as there are leads.
    """
    by_name = {name.rpartition("/")[2].lower(): value for name, value in facts.items()}
    leads = _leads(by_name)
    n_leads = len(leads or given.leads)
    fits = [
        name for name, shape in shapes.items() if len(shape) == 2 and (shape[0] == n_leads) != (shape[1] == n_leads)
    ]
    if len(fits) != 1:
        what = "several arrays have as many rows or columns as there are leads" if fits else "no array fits the leads"
        found = "; ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(what, expected=f"one of ({n_leads}, time) or (time, {n_leads})", found=found[:200] or "none")
    check_values(int(np.prod(shapes[fits[0]], dtype=object)))
    rate_hz = _number(by_name)
    signal = leads_first(load(fits[0]), n_leads)[:, : given.n_samples(rate_hz or given.sampling_rate_hz)]
    return Waveform(np.array(signal, np.float32), rate_hz, leads, _first_text(by_name, UNIT_NAMES))


def _number(facts: Mapping[str, Any]) -> float | None:
    for name in RATE_NAMES:
        value = np.asarray(facts.get(name, ()))
        if value.size == 1 and value.dtype.kind in "fiu":
            return float(value.item())
    return None


def _first_text(facts: Mapping[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        texts = set(_texts(facts.get(name, ())))
        if len(texts) == 1:
            return texts.pop()
    return None


def _leads(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the first list of names among which there are leads; one text may list them with blanks or commas."""
    for name in LEAD_NAMES:
        texts = _texts(facts.get(name, ()))
        if len(texts) == 1:
            texts = texts[0].replace(",", " ").split()
        if sum(lead_name(text) is not None for text in texts) > 1:
            return tuple(texts)
    return None


def _texts(value: Any) -> list[str]:
    """Flatten texts, bytes, arrays of either, and arrays within arrays, as MATLAB's cells are read."""
    if isinstance(value, bytes):
        return [value.decode("utf-8", errors="replace").strip("\0 ")]
    if isinstance(value, str):
        return [value.strip("\0 ")]
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []
