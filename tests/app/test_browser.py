"""The page in a real browser, as visitors use it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from ssrl_ecg.app.desk import Desk, PageLimits
from ssrl_ecg.app.examples import example
from ssrl_ecg.app.site import create_site
from ssrl_ecg.predict.embedder import Embedder, Embeddings
from ssrl_ecg.predict.neighbours import EmbeddingIndex
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.program(*BROWSERS)
INDEXED = ("normal", "inferior infarction")
PATIENCE_MS = 60_000
"""Longest time for one step on a busy machine."""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    patch = pytest.MonkeyPatch()
    place = tmp_path_factory.mktemp("temporary")
    patch.setattr(tempfile, "tempdir", str(place))
    patch.setenv("GRADIO_TEMP_DIR", str(place))
    yield place
    patch.undo()


@pytest.fixture(scope="module")
def address(checkpoint, encoder_checkpoint, place) -> Iterator[str]:
    """One server for all tests of this file, with an index of two examples."""
    predictors = {"toy": Predictor(checkpoint), "other": Predictor(checkpoint)}
    embedder = Embedder(encoder_checkpoint)
    features = np.stack(embedder.answer([embedder.prepare(example(name)) for name in INDEXED]))
    index = EmbeddingIndex(Embeddings(INDEXED, features, {}))
    site = create_site(Desk(predictors, index, PageLimits(max_upload_mb=1.0)), hosts=("127.0.0.1",))
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser():
    playwright = sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture
def visitor(browser, address):
    """Open the page as a further visitor, with nothing in common with others."""
    contexts = []

    def open_page(**how):
        context = browser.new_context(**how)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        page.wait_for_selector("#status .hint")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A CSV of each of two examples, named after their rates, and files that are no recordings."""
    folder = tmp_path_factory.mktemp("files")
    for name in INDEXED:
        signal_mv = example(name).signal_mv[:, :2500]
        columns = np.vstack([np.arange(2500) / 500, signal_mv]).T
        header = ",".join(["time_s", *LEADS])
        np.savetxt(folder / f"{name}.csv", columns, "%.3f", ",", header=header, comments="")
    (folder / "bad ${7*7}{{7}}.edf").write_text("no recording")
    (folder / "big.csv").write_text("1,2,3\n" * 200_000)
    return folder


def open_file(page, path: Path, says: str) -> str:
    """Open a file, wait until the page says something of it, and return what."""
    page.set_input_files("#files input[type=file]", path)
    page.wait_for_function("says => document.querySelector('#status').innerText.includes(says)", arg=says)
    return page.inner_text("#status")


def choose(page, place: str, option: str) -> None:
    page.click(f"{place} input")
    page.get_by_role("option", name=option, exact=True).click()


def probabilities(page) -> list[str]:
    return [text.split()[0] for text in page.locator("#answers td .number").all_inner_texts()]


def test_a_recording_is_opened_and_answered_and_its_reports_are_taken_away(visitor, files, place, tmp_path):
    page = visitor(accept_downloads=True)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    status = open_file(page, files / "inferior infarction.csv", "inferior infarction")
    assert "5 s at 500 Hz" in status
    page.wait_for_selector("#waves img")
    page.wait_for_selector("#explanation .stretches li")
    shares = [float(share) for share in probabilities(page)]
    assert len(shares) == 2
    assert all(0 <= share <= 100 for share in shares)
    for kind, begins in (("HTML", b"<!DOCTYPE html>"), ("PDF", b"%PDF")):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        download.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(begins)
    assert all(url.startswith((page.url, "data:", "blob:")) for url in asked)
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_files_that_cannot_be_used_end_in_a_sentence_and_the_page_goes_on(visitor, files):
    page = visitor()
    said = open_file(page, files / "bad ${7*7}{{7}}.edf", "bad")
    assert said.startswith("bad ${7*7}{{7}}.edf: format is not known")
    assert "Traceback" not in page.content()
    assert "the upload is too large" in open_file(page, files / "big.csv", "large")
    open_file(page, files / "normal.csv", "5 s at 500 Hz")
    page.wait_for_selector("#explanation .stretches li")


def test_two_visitors_at_once_get_their_own_results(visitor, files):
    pages = [visitor(), visitor(viewport={"width": 390, "height": 844})]
    names = ("normal", "inferior infarction")
    for page, name in zip(pages, names, strict=True):
        page.set_input_files("#files input[type=file]", files / f"{name}.csv")
    for page in pages:
        page.wait_for_selector("#explanation .stretches li")
    assert [page.inner_text("#status strong") for page in pages] == list(names)
    first, second = map(probabilities, pages)
    assert first != second
    open_file(pages[0], files / "inferior infarction.csv", "inferior")
    assert probabilities(pages[0]) == second, "the same recording has the same answer, whoever opens it"
    assert pages[1].evaluate("document.documentElement.scrollWidth") <= 390


def test_an_example_is_explained_for_another_class_and_compared(visitor):
    page = visitor()
    choose(page, "#example", "normal")
    page.wait_for_selector("#explanation .stretches li")
    assert page.locator("#neighbours tbody th").all_inner_texts() == list(INDEXED)
    assert page.locator("#neighbours tbody td").first.inner_text() == "1.000"
    shown = page.inner_text("#explanation .soft")
    other = next(name for name in ("NORM", "MI") if f"logit of {name}" not in shown)
    choose(page, "#class", other)
    says = f"logit of {other}"
    page.wait_for_function("says => document.querySelector('#explanation').innerText.includes(says)", arg=says)
    choose(page, "#compared", "other")
    page.wait_for_selector("#answers th:nth-of-type(4)")
    one, two = np.array(probabilities(page)).reshape(2, 2).T
    assert list(one) == list(two), "both are the same network"
