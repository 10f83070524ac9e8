from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import httpx
import numpy as np
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ssrl_ecg.app.service import ServiceLimits, create_app
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.embedder import Embedder
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS

FILE = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def client(checkpoint):
    with TestClient(create_app(checkpoint), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(autouse=True)
def no_file_left_behind(tmp_path, monkeypatch):
    """Whatever is asked, nothing stays on disk."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert not any(place.iterdir())


def assert_problem(response, status, words):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert words in problem["detail"]
    assert "\n" not in problem["detail"]


@pytest.fixture
def table(signal_mv) -> bytes:
    """The recording as a file."""
    return "\n".join([",".join(LEADS), *(",".join(f"{value:.6f}" for value in row) for row in signal_mv.T)]).encode()


def test_predict_says_what_the_predictor_says(client, checkpoint, body, signal_mv):
    expected = Predictor(checkpoint).predict(SignalFile(signal_mv, 250.0, LEADS))
    reply = client.post("/predict", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert reply.json()["warnings"] == list(expected.warnings)


def test_embed_says_what_the_embedder_says_whatever_the_unit_and_order(client, encoder_checkpoint, body, signal_mv):
    embedder = Embedder(encoder_checkpoint)
    expected = embedder.answer([embedder.prepare(SignalFile(signal_mv, 250.0, LEADS))])[0]
    in_uv = {"signal": (1000 * signal_mv[::-1]).tolist(), "leads": LEADS[::-1], "unit": "uV"}
    for given in (body, body | in_uv):
        assert client.post("/embed", json=given).json()["features"] == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_file_is_read_by_its_content(client, body, table):
    reply = client.post("/predict?file_rate_hz=250", content=table, headers=FILE)
    assert reply.status_code == 200, reply.text
    expected = client.post("/predict", json=body).json()
    assert reply.json()["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)


def test_health_says_what_is_served(client):
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert (health["classes"], health["sampling_rate_hz"], health["window_s"]) == (["NORM", "MI"], 100.0, 1.0)
    assert health["requests_at_work"] == 0


def test_an_encoder_only_embeds(encoder_checkpoint, body):
    with TestClient(create_app(encoder_checkpoint)) as client:
        assert_problem(client.post("/predict", json=body), 404, "Not Found")
        assert client.post("/embed", json=body).status_code == 200
        assert "/predict" not in client.get("/openapi.json").json()["paths"]
        assert client.get("/health").json()["classes"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling_rate_hz": None}, "sampling_rate_hz"),
        ({"sampling_rate_hz": -1}, "greater than 0 (field sampling_rate_hz)"),
        ({"signal": []}, "signal"),
        ({"signal": [[0.0] * 250] * 11}, "signal and leads do not fit"),
        ({"signal": [[0.0] * 250] * 11 + [[0.0]]}, "leads differ in length"),
        ({"signal": [[]] * 12}, "samples are missing"),
        ({"signal": [[1e39] * 250] * 12}, "too large"),
        ({"signal": [[0.1, 0.2]] * 12}, "shorter than one window"),
        ({"leads": ["X"] * 12}, "lead"),
        ({"unit": "kV"}, "unit"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_cannot_be_used_is_a_problem_in_one_sentence(client, body, change, words):
    assert_problem(client.post("/predict", json=body | change), 422, words)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"NaN", b"\xff\xfe", b"[" * 100_000, b'{"signal": [[NaN]]}'])
def test_what_is_no_recording_is_a_problem(client, content):
    assert_problem(client.post("/predict", content=content, headers={"content-type": "application/json"}), 422, "")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(100), b"\x80\x04.", bytes(1000)])
def test_what_is_no_file_of_a_known_format_is_a_problem_that_names_no_path(client, content):
    response = client.post("/predict", content=content, headers=FILE)
    assert_problem(response, 422, "")
    assert tempfile.gettempdir() not in response.text


def test_other_mistakes_are_problems_too(client, body):
    assert_problem(client.post("/predict", content=b"x", headers={"content-type": "text/plain"}), 415, "text/plain")
    assert_problem(client.post("/predict", content=b"x"), 415, "found none")
    assert_problem(client.get("/predict"), 405, "Method Not Allowed")
    assert_problem(client.get("/nothing"), 404, "Not Found")
    assert_problem(client.post("/predict?file_rate_hz=-1", json=body), 422, "file_rate_hz")


def test_bodies_that_are_too_large_are_refused_while_they_arrive(checkpoint):
    sent = 0

    def endless():
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield bytes(10_000)

    with TestClient(create_app(checkpoint, ServiceLimits(max_request_mb=0.1))) as client:
        assert_problem(client.post("/embed", content=endless(), headers=FILE), 413, "larger than 0.1 MB")


def test_longer_recordings_are_cut_and_said_to_be_and_files_read_no_further(
    checkpoint, body, table, signal_mv, monkeypatch
):
    wanted_s, read = [], FileReader.read
    monkeypatch.setattr(FileReader, "read", lambda *given: wanted_s.append(given[2]) or read(*given))
    expected = Predictor(checkpoint).predict(SignalFile(signal_mv[:, :375], 250.0, LEADS)).probabilities
    with TestClient(create_app(checkpoint, ServiceLimits(longest_s=1.5))) as client:
        for reply in (
            client.post("/predict", json=body),
            client.post("/predict?file_rate_hz=250", content=table, headers=FILE),
        ):
            assert reply.json()["probabilities"] == pytest.approx(expected, abs=1e-4)
            assert "longer than 1.5 s: only its beginning is used" in reply.json()["warnings"]
    assert wanted_s == [2.5]


def test_json_of_too_many_numbers_is_refused_before_it_is_expanded(client, monkeypatch):
    monkeypatch.setattr("ssrl_ecg.app.requests.json", None)
    content = b'{"signal": [[' + b"0," * 1_000_001 + b"0]]}"
    response = client.post("/predict", content=content, headers={"content-type": "application/json"})
    assert_problem(response, 422, "too long for JSON (expected at most 1,000,000 numbers")


def test_only_its_own_names_reach_a_local_service(checkpoint, body):
    app = create_app(checkpoint, hosts=("127.0.0.1", "localhost"))
    for host, status in (
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
    ):
        with TestClient(app) as client:
            response = client.post("/predict", json=body, headers={"host": host})
            assert response.status_code == status
    assert_problem(response, 400, "unknown host")


class Slow(Predictor):
    """Answers when it is let."""

    gate: threading.Event
    batches: list[int]

    def answer(self, recordings):
        self.batches.append(len(recordings))
        assert self.gate.wait(20)
        return super().answer(recordings)


@pytest.fixture
def slow(monkeypatch):
    Slow.gate, Slow.batches = threading.Event(), []
    monkeypatch.setattr("ssrl_ecg.app.service.Predictor", Slow)
    yield Slow
    Slow.gate.set()


def test_a_slow_answer_ends_in_a_problem_and_the_place_is_free_again(checkpoint, body, slow):
    with TestClient(create_app(checkpoint, ServiceLimits(timeout_s=0.2, max_concurrent=1))) as client:
        for _ in range(2):
            assert_problem(client.post("/predict", json=body), 503, "no answer in time")
        slow.gate.set()
        assert client.get("/health").json()["requests_at_work"] == 0


def test_requests_at_once_share_a_batch_and_too_many_are_told_to_come_back(checkpoint, body, slow):
    limits = ServiceLimits(max_concurrent=5, batch_wait_ms=0.0)
    with TestClient(create_app(checkpoint, limits)) as client, ThreadPoolExecutor(8) as threads:
        replies = [threads.submit(client.post, "/predict", json=body) for _ in range(8)]
        refused = [reply.result(20) for reply in _first_done(replies, 3)]
        slow.gate.set()
        for response in refused:
            assert_problem(response, 503, "too many requests at once")
            assert response.headers["retry-after"] == "1"
        assert sorted(reply.result(20).status_code for reply in replies) == [200] * 5 + [503] * 3
    assert sum(slow.batches) == 5
    assert len(slow.batches) < 5


def _first_done(futures, n):

    return list(islice(as_completed(futures, 20), n))


def test_a_fault_of_ours_tells_nothing_and_the_next_request_is_answered(checkpoint, body, monkeypatch):
    class Broken(Predictor):
        broken = True

        def answer(self, recordings):
            if self.broken:
                Broken.broken = False
                raise RuntimeError("secret")
            return super().answer(recordings)

    monkeypatch.setattr("ssrl_ecg.app.service.Predictor", Broken)
    with TestClient(create_app(checkpoint), raise_server_exceptions=False) as client:
        response = client.post("/predict", json=body)
        assert_problem(response, 500, "the service failed")
        assert "secret" not in response.text
        assert client.post("/predict", json=body).status_code == 200


def test_a_body_that_does_not_arrive_is_given_up(checkpoint):
    async def ask():
        app = create_app(checkpoint, ServiceLimits(timeout_s=0.1))

        async def stuck():
            yield b"{"
            await asyncio.sleep(20)

        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")
        async with app.router.lifespan_context(app), client:
            return await client.post("/embed", content=stuck(), headers=FILE)

    assert_problem(asyncio.run(ask()), 408, "did not arrive in time")


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0}, {"longest_s": 0}, {"max_batch": 0}, {"batch_wait_ms": -1}, {"max_request_mb": np.nan}]
)
def test_limits_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ServiceLimits(**wrong)


@pytest.mark.parametrize("path", ["/predict", "/embed", "/health"])
def test_every_answer_is_one_that_the_description_promises(path, checkpoint):
    """Requests drawn from the description, sound ones and others, as schemathesis makes them; see ``make fuzz``."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(checkpoint))
    (operation,) = (result.ok() for result in schema.include(path=path).get_all_operations())

    @settings(
        max_examples=int(os.environ.get("SSRL_ECG_FUZZ", "40")),
        derandomize="SSRL_ECG_FUZZ" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @drawn(case=operation.as_strategy())
    def answers(case):
        case.call_and_validate(excluded_checks=[positive_data_acceptance])  # no schema says which lengths go together

    answers()
