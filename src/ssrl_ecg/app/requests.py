"""From the body of a request to a recording: JSON with samples, or a file of any format that ``convert`` reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from ssrl_ecg.data.recording import FileReader, beginning_of
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

JSON, FILE = "application/json", "application/octet-stream"
MAX_JSON_VALUES = 1_000_000
"""Most numbers of a JSON body, each of which takes some 70 bytes as an object; 60 s at 1,000 Hz are 720,000."""
_LARGEST_MV = 1e6
"""No amplifier has a larger range; what is above it would overflow on the way."""
_MV_PER_UNIT = {"mV": 1.0, "uV": 1e-3, "V": 1e3}


class RecordingBody(BaseModel):
    """A recording as JSON."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"title": "Recording"})

    signal: list[list[FiniteFloat]] = Field(description="Samples, one list per lead, all of one length", min_length=1)
    sampling_rate_hz: float = Field(description="Samples per second", gt=0, allow_inf_nan=False)
    leads: list[str] = Field(default=list(LEADS), description="Lead names in the order of signal")
    unit: Literal["mV", "uV", "V"] = Field(default="mV", description="Unit of signal")


@dataclass(frozen=True)
class FileFacts:
    """What the query says of a file that does not say it itself.

    Attributes:
        file_rate_hz: samples per second.
        unit: of its samples.
    """

    file_rate_hz: float | None = None
    unit: Literal["mV", "uV", "V"] | None = None


def recording_of_json(body: bytes, longest_s: float) -> SignalFile:
    """Read a recording from JSON.

    Args:
        body: the JSON.
        longest_s: what comes after it is left out.

    Raises:
        InputError: it is no JSON, has too many numbers, lacks something, or its leads differ in length.
    """
    n_commas = body.count(b",")  # numbers are told from what lies between them, before anything is expanded
    if n_commas > MAX_JSON_VALUES:
        expected = f"at most {MAX_JSON_VALUES:,} numbers, or a file as {FILE}"
        raise InputError("the recording is too long for JSON", expected=expected, found=f"{n_commas:,}")
    try:
        given = RecordingBody.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise _refusal(error) from error
    lengths = sorted({len(samples) for samples in given.signal})
    if len(lengths) > 1:
        raise InputError("leads differ in length", field="signal", expected="one length", found=str(lengths))
    if len(given.signal) != len(given.leads):
        raise InputError("signal and leads do not fit", expected=f"{len(given.signal)} names", found=len(given.leads))
    signal_mv = np.array(given.signal) * _MV_PER_UNIT[given.unit]
    if signal_mv.size == 0 or np.abs(signal_mv).max() > _LARGEST_MV:
        raise InputError("samples are missing or too large", field="signal", expected=f"at most {_LARGEST_MV:g} mV")
    recording = SignalFile(signal_mv.astype(np.float32), given.sampling_rate_hz, tuple(given.leads))
    return beginning_of(recording, longest_s)


def recording_of_file(body: bytes, longest_s: float, facts: FileFacts) -> SignalFile:
    """Read a recording from a file's bytes; the file exists on disk while it is read, and not afterwards.

    Args:
        body: the file's bytes.
        longest_s: what comes after it is left out.
        facts: what the file itself may not say.

    Raises:
        InputError: see ``data.recording.FileReader``; it names no path.
    """
    with TemporaryDirectory(prefix="ssrl-ecg-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(body)
        try:
            recording = FileReader(facts.file_rate_hz, facts.unit).read(path, longest_s + 1)
        except InputError as error:
            raise InputError(
                error.what, field=error.field, expected=error.expected, found=_without(folder, error.found)
            ) from None
    return beginning_of(recording, longest_s)


def _without(folder: str, found: object) -> object:
    return found.replace(folder, "") if isinstance(found, str) else found


def _refusal(error: Exception) -> InputError:
    """Say the first thing that is wrong with a body."""
    if not isinstance(error, ValidationError):
        return InputError("the body is no JSON", expected=f"a recording as {JSON}, or a file as {FILE}")
    first: Any = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or None
    return InputError(f"not a recording: {first['msg']}", field=field)
