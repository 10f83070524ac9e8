"""Fetch open ECG databases from PhysioNet: in parallel, resumed where a connection was cut, and verified byte for byte.

PhysioNet lays a database out as plain files under ``https://physionet.org/files/<slug>/<version>/`` with a
``SHA256SUMS.txt`` that lists them all. PTB-XL has 43,000 small ones, so connections are kept and used again: a new one
takes several round trips, longer than such a file itself. Each file grows as ``NAME.part`` and gets its name once its
checksum is right, so a file with its final name is complete, and running again goes on where the last run stopped.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import Event

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError as TransferError
from urllib3.exceptions import ProtocolError

from ssrl_ecg.errors import InputError

PHYSIONET_URL = "https://physionet.org/files/"
DATABASES = {
    "ludb": "ludb/1.0.1",
    "mitdb": "mitdb/1.0.0",
    "nstdb": "nstdb/1.0.0",
    "ptbxl": "ptb-xl/1.0.3",
}
"""Name on the command line -> slug and version at PhysioNet."""

CHECKSUMS_NAME = "SHA256SUMS.txt"
MAX_CHECKSUMS_BYTES = 1 << 26
ATTEMPTS = 5
"""Failures in a row, without a byte gained in between, after which a file is given up."""
BACKOFF_S = 1.0
"""Wait after a first failure; doubled after each further one."""
TIMEOUT_S = 60.0

_CHUNK_BYTES = 1 << 16
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]?(.+)")
_RATE_FOLDER = re.compile(r"records(\d+)/")
_LOCAL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_FAILURES_SHOWN = 3
_RETRIED_STATUS = (
    http.client.REQUEST_TIMEOUT,
    http.client.REQUESTED_RANGE_NOT_SATISFIABLE,
    http.client.TOO_MANY_REQUESTS,
)


@dataclass(frozen=True)
class DownloadResult:
    """What a download did.

    Attributes:
        path: the folder that now holds the database.
        n_fetched: files fetched now.
        n_present: files that were there already, with the right checksum.
    """

    path: Path
    n_fetched: int
    n_present: int


def download(
    name: str,
    target: str | Path,
    *,
    base_url: str | None = None,
    rate_hz: int | None = None,
    workers: int = 8,
    progress: bool = False,
) -> DownloadResult:
    """Fetch a database into a folder and verify every file of it.

    Files that are there with the right checksum are kept, half-fetched ones are resumed. PhysioNet serves a single
    connection slowly; several at once are what makes this quick.

    Args:
        name: one of ``DATABASES``.
        target: the folder, made if missing.
        base_url: a mirror of the database's own folder; PhysioNet when None.
        rate_hz: fetch only the recordings of this sampling rate, where a database keeps each recording at several
            (PTB-XL: 100 and 500); None fetches all.
        workers: connections at once.
        progress: whether to show a bar.

    Raises:
        InputError: an unknown name, a rate the database does not have, an unusable list of checksums, a folder that
            cannot be written, or files that could not be fetched: how many, and the first of them with the reason. The
            others are kept.
    """
    if name not in DATABASES:
        raise InputError("unknown database", field="name", expected=", ".join(DATABASES), found=name)
    url = base_url or PHYSIONET_URL + DATABASES[name]
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError("a database is fetched over http or https", field="base_url", found=url)
    if workers < 1:
        raise InputError("at least one connection is needed", field="workers", found=workers)
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=workers))
        mirror = _Mirror(url.rstrip("/") + "/", Path(target), session)
        checksums = _at_rate(mirror.read_checksums(), rate_hz)
        outcomes = _fetch_all(mirror, checksums, workers, progress)
    failures = {path: outcome for path, outcome in outcomes.items() if outcome not in ("fetched", "present")}
    if failures:
        first = "; ".join(f"{path}: {failures[path]}" for path in sorted(failures)[:_FAILURES_SHOWN])
        more = f" and {len(failures) - _FAILURES_SHOWN} more" if len(failures) > _FAILURES_SHOWN else ""
        raise InputError(
            f"{len(failures)} of {len(checksums)} files could not be downloaded; run again to fetch only these",
            file=mirror.target,
            found=first + more,
        )
    counts = list(outcomes.values())
    return DownloadResult(mirror.target, counts.count("fetched"), counts.count("present"))


def _fetch_all(mirror: _Mirror, checksums: dict[str, str], workers: int, progress: bool) -> dict[str, str]:
    """Settle every file; ``fetched``, ``present`` or the reason of failure by path."""
    outcomes: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        paths = {pool.submit(mirror.settle, path, digest): path for path, digest in checksums.items()}
        try:
            for future in tqdm(as_completed(paths), total=len(paths), unit="file", disable=not progress):
                outcomes[paths[future]] = future.result()
        except BaseException:
            mirror.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return outcomes


def _parse_checksums(text: str, target: Path) -> dict[str, str]:
    """Read lines of ``digest  path`` and refuse any path that would be written outside the target.

    Raises:
        InputError: a line is something else, a path leaves the target, or two lines contradict each other.
    """
    checksums: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        match = _CHECKSUM_LINE.fullmatch(line)
        if match is None:
            raise InputError("unreadable line", file=CHECKSUMS_NAME, expected="SHA-256 and path", found=repr(line[:80]))
        digest, path = match[1].lower(), match[2].removeprefix("./")
        if not _stays_inside(path, target):
            raise InputError("a path leads out of the folder", file=CHECKSUMS_NAME, found=repr(path[:80]))
        if checksums.setdefault(path, digest) != digest:
            raise InputError("two checksums for one file", file=CHECKSUMS_NAME, found=repr(path[:80]))
    if not checksums:
        raise InputError("no file is listed", file=CHECKSUMS_NAME)
    checksums.pop(CHECKSUMS_NAME, None)
    return checksums


def _at_rate(checksums: dict[str, str], rate_hz: int | None) -> dict[str, str]:
    """Leave out the recordings of other rates; what belongs to no rate stays."""
    if rate_hz is None:
        return checksums
    rates_hz = {path: int(match[1]) for path in checksums if (match := _RATE_FOLDER.match(path))}
    if rate_hz not in rates_hz.values():
        known = ", ".join(map(str, sorted({*rates_hz.values()}))) or "a database with folders of several rates"
        raise InputError("no recordings of this sampling rate", field="rate_hz", expected=known, found=rate_hz)
    return {path: digest for path, digest in checksums.items() if rates_hz.get(path, rate_hz) == rate_hz}


def _stays_inside(path: str, target: Path) -> bool:
    parts = PurePosixPath(path).parts
    is_plain = bool(parts) and not path.startswith("/") and ".." not in parts and not re.search(r"[\\:\x00-\x1f]", path)
    return is_plain and (target / path).resolve().is_relative_to(target.resolve())


class _RefusedError(Exception):
    """The server will not give this file, however often it is asked."""


@dataclass(frozen=True)
class _Mirror:
    """One remote folder and the local folder it is fetched into."""

    url: str
    target: Path
    session: requests.Session
    stop: Event = field(default_factory=Event)

    def read_checksums(self) -> dict[str, str]:
        """Fetch the list of checksums, which has none itself, into the target and read it."""
        final = self.target / CHECKSUMS_NAME
        final.with_name(final.name + ".part").unlink(missing_ok=True)  # never resumed: nothing would tell a stale half
        outcome = self.settle(CHECKSUMS_NAME, None)
        if outcome != "fetched":
            raise InputError(f"cannot be fetched: {outcome}", file=self.url + CHECKSUMS_NAME)
        if final.stat().st_size > MAX_CHECKSUMS_BYTES:
            raise InputError("too long", file=final, expected=f"at most {MAX_CHECKSUMS_BYTES} bytes")
        return _parse_checksums(final.read_text(encoding="utf-8", errors="replace"), self.target)

    def settle(self, path: str, digest: str | None) -> str:
        """Make ``path`` exist with this SHA-256, or anew when None; ``fetched``, ``present`` or the reason why not.

        Raises:
            InputError: the disk is full or not writable, which no other file would survive either.
        """
        final = self.target / path
        try:
            if digest is not None and _has_digest(final, digest):
                return "present"
            final.parent.mkdir(parents=True, exist_ok=True)
            return self._fetch(path, final, digest)
        except OSError as error:
            if error.errno in _LOCAL_ERRORS:
                raise InputError(f"cannot be written: {_reason(error)}", file=final) from error
            return _reason(error)

    def _fetch(self, path: str, final: Path, digest: str | None) -> str:
        """Fetch until the checksum is right, resuming a cut transfer and starting a corrupt one again."""
        part = final.with_name(final.name + ".part")
        failures, furthest, reason = 0, _size(part), "stopped"
        while failures < ATTEMPTS and not self.stop.wait(BACKOFF_S * 2 ** (failures - 1) if failures else 0):
            try:
                self._transfer(path, part)
                if digest is None or _has_digest(part, digest):
                    part.replace(final)
                    return "fetched"
                part.unlink()
                reason = "its checksum differs"
            except _RefusedError as error:
                return str(error)
            except (OSError, TransferError) as error:
                if isinstance(error, OSError) and error.errno in _LOCAL_ERRORS:
                    raise
                reason = _reason(error)
                if _size(part) > furthest:
                    failures, furthest = 0, _size(part)
            failures += 1
        return reason

    def _transfer(self, path: str, part: Path) -> None:
        """Bring ``part`` to its end; what arrived before an exception stays for the next attempt."""
        offset = _size(part)
        with self._open(path, offset) as response:
            if response.status_code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                return  # nothing is left to send: complete, or too long, which the checksum tells
            _check_status(response)
            resumed = response.status_code == http.client.PARTIAL_CONTENT
            if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                part.unlink()
                raise ConnectionError("the server sent another range than asked for")
            n_received = 0
            with part.open("ab" if resumed else "wb") as file:
                for chunk in _chunks(response):
                    file.write(chunk)
                    n_received += len(chunk)
                    if self.stop.is_set():
                        raise ConnectionError("stopped")
            announced = response.headers.get("Content-Length")
            if announced is not None and n_received < int(announced):
                raise ConnectionError(f"connection cut after {n_received} of {announced} bytes")

    def _open(self, path: str, offset: int) -> requests.Response:
        """Ask for a file from byte ``offset`` on; a server that ignores ranges answers 200 and sends all of it."""
        headers = {"User-Agent": "ssrl-ecg", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        return self.session.get(self.url + urllib.parse.quote(path), headers=headers, stream=True, timeout=TIMEOUT_S)


def _check_status(response: requests.Response) -> None:
    status = f"{response.status_code} {response.reason}"
    if response.status_code >= 500 or response.status_code in _RETRIED_STATUS:
        raise ConnectionError(status)
    if response.status_code >= 400:
        raise _RefusedError(status)


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it is sent; where a connection is cut before its announced end, end there."""
    try:
        while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
            yield chunk
    except ProtocolError:
        return


def _has_digest(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: BaseException) -> str:
    """Say what the operating system said, however many layers have wrapped it since."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
