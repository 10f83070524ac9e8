"""From files that a visitor uploaded to a recording; afterwards the files are gone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError


def take_upload(paths: Sequence[Path], reader: FileReader, longest_s: float) -> tuple[str, SignalFile]:
    """Read one recording from uploaded files and remove them, whatever comes of it.

    Args:
        paths: one file, or a WFDB header with its signal files; each may lie in a folder of its own.
        reader: with what the visitor says of a file that does not say it itself.
        longest_s: what comes after it is left out.

    Returns:
        Name and recording.

    Raises:
        InputError: see ``FileReader.read``, or several files that are no WFDB record; it names no folder.
    """
    with TemporaryDirectory(prefix="ssrl-ecg-") as folder:
        for path in paths:
            shutil.move(path, Path(folder) / path.name)
        main = _main_file([Path(folder) / path.name for path in paths])
        try:
            return main.stem, _beginning(reader.read(main, longest_s + 1), longest_s)
        except InputError as error:
            found = error.found.replace(f"{folder}/", "") if isinstance(error.found, str) else error.found
            what = error.what.replace(f"{folder}/", "")
            raise InputError(what, file=main.name, field=error.field, expected=error.expected, found=found) from None


def _main_file(paths: Sequence[Path]) -> Path:
    """The file to read: the only one, or the only header."""
    candidates = paths if len(paths) == 1 else [path for path in paths if path.suffix.lower() == ".hea"]
    if len(candidates) != 1:
        raise InputError(
            "one recording at a time", expected="one file, or a WFDB header with its signal file", found=len(paths)
        )
    return candidates[0]


def _beginning(recording: SignalFile, longest_s: float) -> SignalFile:
    """Cut a recording that is too long, and say so."""
    n_samples = round(longest_s * recording.sampling_rate_hz)
    if recording.signal_mv.shape[1] <= n_samples:
        return recording
    said = (*recording.warnings, f"longer than {longest_s:g} s: only its beginning is used")
    return replace(recording, signal_mv=recording.signal_mv[:, :n_samples], warnings=said)
