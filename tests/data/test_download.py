"""Download: against a local server that cuts connections, corrupts bytes, ignores ranges and answers with errors."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from ssrl_ecg.data import download as module
from ssrl_ecg.data.download import CHECKSUMS_NAME, DATABASES, PHYSIONET_URL, DownloadResult, download
from ssrl_ecg.errors import InputError


class Site:
    """What the server serves and how it misbehaves; every request is noted."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files: dict[str, bytes] = {}
        self.sums = ""
        self.add(files)
        self.cut_after: dict[str, int] = {}  # send this many bytes of each answer, then close
        self.corrupt: Counter[str] = Counter()  # flip a byte in this many answers
        self.statuses: dict[str, list[int]] = defaultdict(list)  # answer with these first
        self.knows_ranges = True
        self.range_shift = 0
        self.requests: list[tuple[str, str | None]] = []
        self.n_connections = 0
        self.closes_after_each = False
        self.lock = threading.Lock()

    def add(self, files: dict[str, bytes]) -> None:
        self.files |= files
        self.sums += "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())

    def content(self, path: str) -> bytes | None:
        if path == CHECKSUMS_NAME:
            return self.sums.encode()
        return self.files.get(path)

    def asked(self, path: str) -> list[str | None]:
        return [ranges for name, ranges in self.requests if name == path]


class Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"  # keeps connections open

    def setup(self) -> None:
        super().setup()
        with self.site.lock:
            self.site.n_connections += 1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(self.path.removeprefix("/db/"))
        with self.site.lock:
            self.site.requests.append((path, self.headers.get("Range")))
            status = self.site.statuses[path].pop(0) if self.site.statuses[path] else 200
            is_corrupt = self.site.corrupt[path] > 0
            self.site.corrupt[path] -= is_corrupt
        content = self.site.content(path)
        if status != 200 or content is None:
            self.send_error(status if status != 200 else 404)
            return
        start = self.first_byte()
        if start >= len(content) and start:
            self.send_error(416)
            return
        body = bytearray(content[start:])
        if is_corrupt:
            body[0] ^= 1
        self.send_response(206 if start else 200)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start + self.site.range_shift}-{len(content) - 1}/{len(content)}"
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.site.cut_after.get(path, len(body))])
        # A server may hang up on a client that it had promised to keep.
        self.close_connection = self.site.closes_after_each or path in self.site.cut_after

    def first_byte(self) -> int:
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.site.knows_ranges else 0


@pytest.fixture
def site() -> Site:
    rng = np.random.default_rng(0)
    names = ["RECORDS", "records100/00001.dat", "records100/00001.hea", "with space+.txt"]
    return Site({name: rng.bytes(5000) for name in names} | {"empty": b""})


@pytest.fixture
def url(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(module, "BACKOFF_S", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"site": site}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/db"
    server.shutdown()
    thread.join()
    server.server_close()


def assert_complete(site: Site, target: Path) -> None:
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    found.pop(CHECKSUMS_NAME)
    assert found == site.files


def test_every_file_arrives_and_a_second_run_fetches_none(site: Site, url: str, tmp_path: Path) -> None:
    assert download("mitdb", tmp_path / "db", base_url=url) == DownloadResult(tmp_path / "db", n_fetched=5, n_present=0)
    assert_complete(site, tmp_path / "db")
    site.requests.clear()
    assert download("mitdb", tmp_path / "db", base_url=url + "/").n_present == 5
    assert [path for path, _ in site.requests] == [CHECKSUMS_NAME]


def test_each_worker_keeps_its_connection(site: Site, url: str, tmp_path: Path) -> None:
    site.add({f"records100/1{number:04d}.dat": bytes([number]) * 300 for number in range(100)})
    download("ptbxl", tmp_path, base_url=url, workers=3)
    assert_complete(site, tmp_path)
    assert len(site.requests) == 106
    assert site.n_connections <= 3


def test_a_server_that_hangs_up_after_each_file_costs_connections_and_no_file(
    site: Site, url: str, tmp_path: Path
) -> None:
    site.add({f"records100/1{number:04d}.dat": bytes([number]) * 300 for number in range(30)})
    site.closes_after_each = True
    download("ptbxl", tmp_path, base_url=url, workers=3)
    assert_complete(site, tmp_path)


@pytest.mark.parametrize(("rate_hz", "n_files"), [(100, 5), (500, 4), (None, 6)])
def test_one_rate_is_fetched_with_what_belongs_to_none(
    site: Site, url: str, tmp_path: Path, rate_hz: int | None, n_files: int
) -> None:
    site.add({"records500/00001.dat": b"500"})
    download("ptbxl", tmp_path, base_url=url, rate_hz=rate_hz)
    left_out = {100: "records500/", 500: "records100/", None: "nothing"}[rate_hz]
    site.files = {path: data for path, data in site.files.items() if not path.startswith(left_out)}
    assert len(site.files) == n_files
    assert_complete(site, tmp_path)


def test_a_rate_that_is_not_there_is_refused(site: Site, url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no recordings of this sampling rate.*rate_hz.*expected 100.*found 250"):
        download("ptbxl", tmp_path, base_url=url, rate_hz=250)
    assert [path for path, _ in site.requests] == [CHECKSUMS_NAME]


@pytest.mark.parametrize("between", [" ", "  ", " *"])
def test_lists_of_every_checksum_tool_are_read(site: Site, url: str, tmp_path: Path, between: str) -> None:
    """PhysioNet's own lists have a single space between checksum and path, those of sha256sum two characters."""
    site.sums = site.sums.replace("  ", between)
    download("ludb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)


def test_cut_connections_are_resumed_where_they_were_cut(site: Site, url: str, tmp_path: Path) -> None:
    site.cut_after = {"records100/00001.dat": 700}
    download("ptbxl", tmp_path, base_url=url)
    assert_complete(site, tmp_path)
    starts = [None, *(f"bytes={start}-" for start in range(700, 5000, 700))]
    assert site.asked("records100/00001.dat") == starts, "more cuts than attempts, but each one gained bytes"


def test_a_half_file_of_an_earlier_run_is_resumed(site: Site, url: str, tmp_path: Path) -> None:
    (tmp_path / "RECORDS.part").write_bytes(site.files["RECORDS"][:4000])
    download("ludb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)
    assert site.asked("RECORDS") == ["bytes=4000-"]


def test_a_server_that_ignores_ranges_is_asked_from_the_start(site: Site, url: str, tmp_path: Path) -> None:
    (tmp_path / "RECORDS.part").write_bytes(b"x" * 4000)
    site.knows_ranges = False
    download("ludb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)
    assert site.asked("RECORDS") == ["bytes=4000-"]


def test_a_server_that_ignores_ranges_and_cuts_is_given_up(site: Site, url: str, tmp_path: Path) -> None:
    site.knows_ranges, site.cut_after = False, {"RECORDS": 3000}
    with pytest.raises(InputError, match=r"1 of 5 files.*RECORDS: connection cut after 3000 of 5000 bytes"):
        download("ludb", tmp_path, base_url=url)
    assert len(site.asked("RECORDS")) == module.ATTEMPTS


def test_another_range_than_asked_for_starts_again(site: Site, url: str, tmp_path: Path) -> None:
    (tmp_path / "RECORDS.part").write_bytes(b"x" * 4000)
    site.range_shift = 5
    download("ludb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)
    assert site.asked("RECORDS") == ["bytes=4000-", None]


@pytest.mark.parametrize("surplus", [b"", b"more"])
def test_range_beyond_the_end_is_complete_or_fetched_again(
    site: Site, url: str, tmp_path: Path, surplus: bytes
) -> None:
    (tmp_path / "RECORDS.part").write_bytes(site.files["RECORDS"] + surplus)
    download("ludb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)
    size = 5000 + len(surplus)
    assert site.asked("RECORDS") == [f"bytes={size}-", None][: 1 + bool(surplus)]


def test_corrupt_bytes_are_fetched_again(site: Site, url: str, tmp_path: Path) -> None:
    site.corrupt = Counter({"RECORDS": 1, "records100/00001.hea": module.ATTEMPTS - 1})
    download("nstdb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)


def test_a_wrong_file_that_is_there_is_replaced(site: Site, url: str, tmp_path: Path) -> None:
    (tmp_path / "RECORDS").write_bytes(b"wrong")
    assert download("nstdb", tmp_path, base_url=url).n_fetched == 5
    assert_complete(site, tmp_path)


def test_a_file_that_stays_corrupt_is_reported_and_the_rest_kept(site: Site, url: str, tmp_path: Path) -> None:
    site.corrupt = Counter({"RECORDS": 1000})
    with pytest.raises(
        InputError, match=r"1 of 5 files could not be downloaded; run again.*RECORDS: its checksum differs"
    ):
        download("nstdb", tmp_path, base_url=url)
    assert not list(tmp_path.rglob("RECORDS*")), "nothing unverified is left under a final or partial name"
    site.corrupt.clear()
    assert download("nstdb", tmp_path, base_url=url) == DownloadResult(tmp_path, n_fetched=1, n_present=4)


def test_a_missing_file_is_reported_without_asking_again(site: Site, url: str, tmp_path: Path) -> None:
    digest = "0" * 64
    site.sums += "".join(f"{digest}  gone{number}\n" for number in range(5))
    with pytest.raises(
        InputError, match=r"5 of 10 files.*gone0: 404 Not Found; gone1: .*gone2: .* and 2 more"
    ) as caught:
        download("nstdb", tmp_path, base_url=url)
    assert "\n" not in str(caught.value)
    assert len(site.asked("gone0")) == 1


def test_server_errors_are_asked_again(site: Site, url: str, tmp_path: Path) -> None:
    site.statuses.update({"RECORDS": [500, 503, 429], CHECKSUMS_NAME: [502]})
    download("nstdb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)


def test_server_errors_without_end_are_reported(site: Site, url: str, tmp_path: Path) -> None:
    site.statuses["RECORDS"] = [500] * 100
    with pytest.raises(InputError, match="RECORDS: 500 Internal Server Error"):
        download("nstdb", tmp_path, base_url=url)
    assert len(site.asked("RECORDS")) == module.ATTEMPTS


def test_a_site_without_checksums_is_refused(site: Site, url: str, tmp_path: Path) -> None:
    site.statuses[CHECKSUMS_NAME] = [404]
    with pytest.raises(InputError, match=r"SHA256SUMS.txt: cannot be fetched: 404"):
        download("nstdb", tmp_path, base_url=url)


def test_nobody_listening_is_one_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="cannot be fetched: Connection refused"):
        download("nstdb", tmp_path, base_url="http://127.0.0.1:9/db")


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:evil", "link/evil", "a\x00b", "./../evil", "."]
)
def test_paths_may_not_leave_the_target(site: Site, url: str, tmp_path: Path, path: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "link").symlink_to(tmp_path)
    site.sums = f"{'0' * 64}  RECORDS\n{'0' * 64}  {path}\n"
    with pytest.raises(InputError, match="leads out of the folder"):
        download("nstdb", target, base_url=url)
    assert [name for name, _ in site.requests] == [CHECKSUMS_NAME], "refused before any file is asked for"
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        ("", "no file is listed"),
        ("<html>log in</html>\n", "unreadable line"),
        (f"{'0' * 64}  a\n{'1' * 64}  a\n", "two checksums for one file"),
    ],
)
def test_an_unusable_list_is_refused(site: Site, url: str, tmp_path: Path, sums: str, message: str) -> None:
    site.sums = sums
    with pytest.raises(InputError, match=message):
        download("nstdb", tmp_path, base_url=url)


def test_binary_mode_lines_and_dot_slash_are_understood(site: Site, url: str, tmp_path: Path) -> None:
    site.sums = f"{hashlib.sha256(site.files['RECORDS']).hexdigest().upper()} *./RECORDS\n"
    assert download("nstdb", tmp_path, base_url=url).n_fetched == 1
    assert (tmp_path / "RECORDS").read_bytes() == site.files["RECORDS"]


def test_a_full_disk_ends_the_download(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(mirror: object, path: str, part: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module._Mirror, "_transfer", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        download("nstdb", tmp_path, base_url=url)


def test_an_interrupt_stops_the_workers_and_keeps_what_came(
    site: Site, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(futures: object) -> Iterator[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download("nstdb", tmp_path, base_url=url, workers=1)
    monkeypatch.undo()
    download("nstdb", tmp_path, base_url=url)
    assert_complete(site, tmp_path)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown database.*ludb, mitdb, nstdb, ptbxl.*found mimic"):
        download("mimic", tmp_path)
    with pytest.raises(InputError, match="http or https"):
        download("mitdb", tmp_path, base_url="file:///etc")
    with pytest.raises(InputError, match="at least one connection"):
        download("mitdb", tmp_path, workers=0)


def test_the_published_versions_are_asked_for() -> None:
    assert PHYSIONET_URL + DATABASES["ptbxl"] == "https://physionet.org/files/ptb-xl/1.0.3"
    assert PHYSIONET_URL + DATABASES["ludb"] == "https://physionet.org/files/ludb/1.0.1"
