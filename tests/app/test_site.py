"""The site without a browser: uploads, limits, reports, and what a visitor may not do."""

from __future__ import annotations

import tempfile
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pytest
from fastapi.testclient import TestClient

from ssrl_ecg.app.desk import Desk, PageLimits
from ssrl_ecg.app.examples import example
from ssrl_ecg.app.site import create_site
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.recording_page import neighbours_html
from ssrl_ecg.predict.embedder import Embedder, Embeddings
from ssrl_ecg.predict.neighbours import EmbeddingIndex
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS

READER = FileReader(file_rate_hz=250.0)
LIMITS = PageLimits(max_upload_mb=0.3, longest_s=3.0)


@pytest.fixture(autouse=True, scope="module")
def place(tmp_path_factory):
    """Whatever is asked, nothing stays on disk."""
    patch = pytest.MonkeyPatch()
    place = tmp_path_factory.mktemp("temporary")
    patch.setattr(tempfile, "tempdir", str(place))
    patch.setenv("GRADIO_TEMP_DIR", str(place))
    yield place
    patch.undo()


@pytest.fixture(scope="module")
def desk(checkpoint):
    return Desk({"toy": Predictor(checkpoint)}, limits=LIMITS)


@pytest.fixture(scope="module")
def client(desk, place):
    with TestClient(create_site(desk, hosts=("127.0.0.1",)), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def csv(signal_mv) -> bytes:
    return "\n".join([",".join(LEADS), *(",".join(f"{v:.4f}" for v in row) for row in signal_mv.T)]).encode()


def upload(client, *files: tuple[str, bytes]) -> str:
    """Return the name of the upload in the inbox."""
    answer = client.post("/gradio_api/upload", files=[("files", file) for file in files])
    assert answer.status_code == 200
    return answer.json()[0].split("/")[-2]


def files_in(place) -> list:
    return [path for path in place.rglob("*") if path.is_file()]


def test_an_upload_is_analysed_once_and_never_stays_on_disk(client, desk, place, csv, signal_mv):
    token = upload(client, ("../../my rec.csv", csv))
    analysis = desk.shelf.find(desk.open_upload(token, READER))
    assert analysis.name == "my rec"
    np.testing.assert_allclose(analysis.recording.signal_mv, signal_mv, atol=1e-4)
    assert files_in(place) == []
    with pytest.raises(InputError, match="open it again"):
        desk.open_upload(token, READER)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("bad.edf", b"no recording")], "bad.edf: format is not known"),
        ([("big.csv", b"1" * 400_000)], "upload is too large .expected at most 0.3 MB, found 0.4 MB"),
        ([("a.csv", b"1"), ("b.csv", b"2")], "one recording at a time .* found a.csv, b.csv"),
        ([(f"{n}.dat", b"1") for n in range(9)], "cannot be read .expected at most 8 files"),
        ([("r.hea", b"r 1 250 10\nr.dat 16 1000 16 0 0 0 0 I\n")], "r.hea: signal file r.dat cannot be read"),
    ],
)
def test_uploads_that_cannot_be_used_end_in_one_line_without_a_folder(client, desk, place, files, reason):
    token = upload(client, *files)
    with pytest.raises(InputError, match=reason) as caught:
        desk.open_upload(token, READER)
    assert str(place) not in str(caught.value)
    assert files_in(place) == []


def test_a_large_upload_waits_in_memory(checkpoint, monkeypatch):
    def to_disk(_):
        pytest.fail("moved to disk while it arrived")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", to_disk)
    desk, content = Desk({"toy": Predictor(checkpoint)}), bytes(5_000_000)
    client = TestClient(create_site(desk))
    assert desk.inbox.take(upload(client, ("large.csv", content))) == [("large.csv", content)]


def test_what_nobody_asks_for_again_is_let_go_in_time(checkpoint, monkeypatch):
    monkeypatch.setattr("ssrl_ecg.app.site.SWEEP_S", 0.01)
    desk = Desk({"toy": Predictor(checkpoint)}, limits=PageLimits(timeout_s=10.0, keep_s=1.0))
    with TestClient(create_site(desk)):
        held = weakref.ref(desk.shelf.find(desk.open_example("normal")))
        until = time.monotonic() + 20
        while held() is not None and time.monotonic() < until:
            time.sleep(0.01)
    assert held() is None


def test_the_page_has_shown_an_example_before_it_answers(checkpoint, monkeypatch):
    desk, explained = Desk({"toy": Predictor(checkpoint)}), []
    monkeypatch.setattr(desk, "explain", lambda token, name: explained.append(name) or Desk.explain(desk, token, name))
    with TestClient(create_site(desk)):
        assert len(explained) == 1


def test_the_nearest_recordings_of_an_index_are_named(checkpoint, encoder_checkpoint):
    embedder = Embedder(encoder_checkpoint)
    names = ("normal", "inferior infarction", "left bundle branch block")
    features = np.stack(embedder.answer([embedder.prepare(example(name)) for name in names]))
    desk = Desk({"toy": Predictor(checkpoint)}, EmbeddingIndex(Embeddings(names, features, {})))
    for name in names:
        analysis = desk.shelf.find(desk.open_example(name))
        nearest = analysis.neighbours[0]
        assert (nearest.record_id, nearest.similarity) == (name, pytest.approx(1))
        assert all(f">{one}</th>" in neighbours_html(analysis) for one in names)


def test_a_header_is_read_with_its_signal_file(client, desk, signal_mv):
    samples = np.round(signal_mv.T * 1000).astype("<i2")
    lines = [f"r 12 250 {len(samples)}", *(f"r.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS)]
    token = upload(client, ("r.dat", samples.tobytes()), ("r.hea", "\n".join(lines).encode()))
    analysis = desk.shelf.find(desk.open_upload(token, FileReader()))
    np.testing.assert_allclose(analysis.recording.signal_mv, signal_mv, atol=6e-4)


def test_long_recordings_are_cut_and_said_to_be(client, desk, csv):
    header, *rows = csv.split(b"\n")
    token = upload(client, ("long.csv", b"\n".join([header, *rows, *rows])))
    analysis = desk.shelf.find(desk.open_upload(token, READER))
    assert analysis.duration_s == 3
    assert "longer than 3 s: only its beginning is used" in analysis.warnings


def test_reports_are_made_on_demand_and_unknown_ones_are_refused(client, desk, place):
    token = desk.open_example("normal")
    desk.explain(token, "MI")
    page, pdf = (client.get(f"/report/{token}.{kind}") for kind in ("html", "pdf"))
    assert "What mattered for MI" in page.text
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["content-disposition"] == 'attachment; filename="ecg-report-simulated-normal.pdf"'
    assert client.get("/report/guessed.pdf").status_code == 404
    assert client.get(f"/report/{token}.exe").status_code == 422
    assert files_in(place) == []


def test_a_second_classifier_is_asked_only_when_it_is_compared(checkpoint):
    one, two = Predictor(checkpoint), Predictor(checkpoint)
    desk = Desk({"one": one, "two": two})
    token = desk.open_example("normal")
    assert list(desk.shelf.find(token).predictions) == ["one"]
    assert list(desk.shelf.find(desk.compare(token, "two")).predictions) == ["one", "two"]


def test_drawing_for_several_visitors_at_once_leaves_the_settings_of_figures_alone(client, desk):
    token = desk.open_example("normal")
    before = dict(mpl.rcParams)
    with ThreadPoolExecutor(4) as visitors:
        answers = list(visitors.map(lambda kind: client.get(f"/report/{token}.{kind}"), ("html", "pdf") * 2))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text.partition("<dt>made")[0] for answer in answers[::2]}) == 1
    assert dict(mpl.rcParams) == before


def test_nobody_waits_longer_than_the_limit(checkpoint, monkeypatch):
    desk = Desk({"toy": Predictor(checkpoint)}, limits=PageLimits(timeout_s=0.05))
    monkeypatch.setattr("ssrl_ecg.app.desk.example", lambda _: time.sleep(0.5))
    with pytest.raises(InputError, match=r"no answer within 0\.05 s"):
        desk.open_example("normal")
    with pytest.raises(InputError, match="limit out of range"):
        PageLimits(timeout_s=0)


def test_the_page_asks_for_nothing_from_elsewhere_and_answers_under_its_own_name_only(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "fonts.googleapis" not in page.text + client.get("/theme.css").text
    config = client.get("/config").json()
    assert config["analytics_enabled"] is False
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_a_visitor_cannot_name_other_files_of_the_machine(client, place):
    secret = {"path": "/etc/passwd", "orig_name": "p", "meta": {"_type": "gradio.FileData"}}
    events = client.get("/config").json()["dependencies"]
    number = next(event["id"] for event in events if event["targets"][0][1] == "upload")
    body = {"data": [[secret], None, "", "", ""], "fn_index": number, "session_hash": "s"}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    answers = client.get("/gradio_api/queue/data", params={"session_hash": "s"}).text
    assert '"success":false' in answers
    assert files_in(place) == []
    assert client.get("/gradio_api/file=/etc/passwd").status_code == 403
    assert client.post("/gradio_api/process_recording").status_code == 404
