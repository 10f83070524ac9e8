"""From what a visitor uploads to a recording: in memory until it is read, on disk only while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ssrl_ecg.data.recording import FileReader, beginning_of
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError

MAX_FILES = 8
"""A WFDB record has a header and a few signal files."""
_MAX_NAME = 200


class _InMemory(MultiPartParser):
    """Keeps files in memory while they arrive, where Starlette's own parser moves them to disk from 1 MB on."""

    spool_max_size = 0


class Upload(NamedTuple):
    """A file.

    Attributes:
        name: as the visitor calls it, without folders.
        content: its bytes.
    """

    name: str
    content: bytes


async def receive(request: Request, max_mb: float) -> list[Upload]:
    """Receive the files of a form; what is too large is read to its end but not kept, so that it can be said.

    Raises:
        InputError: no file, too many or too large ones, or no form.
    """
    n_bytes = 0

    async def bounded() -> AsyncGenerator[bytes, None]:
        nonlocal n_bytes
        async for part in request.stream():
            n_bytes += len(part)
            if n_bytes <= 1e6 * max_mb:
                yield part

    try:
        form = await _InMemory(request.headers, bounded(), max_files=MAX_FILES, max_fields=1).parse()
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        uploads = [Upload(_plain(file.filename or ""), await file.read()) for file in files]
        await form.close()
    except (MultiPartException, KeyError) as error:
        raise InputError("this upload cannot be read", expected=f"at most {MAX_FILES} files") from error
    if n_bytes > 1e6 * max_mb:
        raise InputError("the upload is too large", expected=f"at most {max_mb:g} MB", found=f"{n_bytes / 1e6:.1f} MB")
    if not uploads:
        raise InputError("this upload holds no file")
    return uploads


def _plain(name: str) -> str:
    """A file's name without folders and signs that no file can have."""
    last = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name
    return last[-_MAX_NAME:] if last not in ("", ".", "..") else "recording"


def read_uploads(uploads: Sequence[Upload], reader: FileReader, longest_s: float) -> tuple[str, SignalFile]:
    """Read one recording; the files exist on disk while they are read, and not afterwards.

    Args:
        uploads: one file, or a WFDB header with its signal files.
        reader: with what the visitor says of a file that does not say it itself.
        longest_s: what comes after it is left out.

    Returns:
        Name and recording.

    Raises:
        InputError: see ``FileReader.read``, or several files that are no WFDB record; it names no folder.
    """
    main = _main(uploads)
    with TemporaryDirectory(prefix="ssrl-ecg-") as folder:
        for upload in uploads:
            (Path(folder) / upload.name).write_bytes(upload.content)
        try:
            recording = reader.read(Path(folder) / main, longest_s + 1)
        except InputError as error:
            what, found = (str(text).replace(f"{folder}/", "") for text in (error.what, error.found))
            found_or_none = None if error.found is None else found
            raise InputError(what, file=main, field=error.field, expected=error.expected, found=found_or_none) from None
    return Path(main).stem, beginning_of(recording, longest_s)


def _main(uploads: Sequence[Upload]) -> str:
    """Name of the file to read: the only one, or the only header."""
    names = [upload.name for upload in uploads]
    headers = names if len(names) == 1 else [name for name in names if name.lower().endswith(".hea")]
    if len(headers) != 1:
        expected = "one file, or a WFDB header with its signal file"
        raise InputError("one recording at a time", expected=expected, found=", ".join(names))
    return headers[0]
