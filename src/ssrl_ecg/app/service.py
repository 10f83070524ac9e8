"""The service: recordings in, probabilities or feature vectors out, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ssrl_ecg import __version__
from ssrl_ecg.app.batching import Batcher
from ssrl_ecg.app.problems import DESCRIBED, ProblemError, respond_with_problems
from ssrl_ecg.app.requests import FILE, JSON, FileFacts, RecordingBody, recording_of_file, recording_of_json
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import jsonable
from ssrl_ecg.predict.embedder import Embedder
from ssrl_ecg.predict.predictor import COVERAGE, Predictor
from ssrl_ecg.predict.preparation import Prepared
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, EncoderCheckpoint

_DESCRIPTION = "Research use. This is not a medical device, and no decision about a patient may rest on it."


@dataclass(frozen=True, kw_only=True)
class ServiceLimits:
    """What a request may cost."""

    max_request_mb: float = 20.0
    """Largest body in MB (10^6 bytes); larger ones are refused while they arrive."""
    timeout_s: float = 30.0
    """Longest time for a body to arrive, and again for its answer."""
    longest_s: float = 60.0
    """Seconds at the beginning of a recording that are used."""
    max_concurrent: int = 32
    """Requests that are worked on or wait at once; further ones are told to come back."""
    max_batch: int = 32
    """Recordings that the network sees at once."""
    batch_wait_ms: float = 5.0
    """How long a request waits for others to share its batch."""

    def __post_init__(self) -> None:
        for name in ("max_request_mb", "timeout_s", "longest_s", "max_concurrent", "max_batch"):
            if not 0 < getattr(self, name) < 1e9:
                raise InputError("limit out of range", field=name, expected="above 0", found=getattr(self, name))
        if not 0 <= self.batch_wait_ms <= 10_000:
            raise InputError("limit out of range", field="batch_wait_ms", found=self.batch_wait_ms)


class PredictionReply(BaseModel):
    """What the classifier says of a recording, and how far to believe it."""

    probabilities: dict[str, float]
    positive: list[str]
    label_set: dict[str, Literal["no", "yes", "yes or no", "neither"]]
    strangeness: float | None
    warnings: list[str]


class EmbeddingReply(BaseModel):
    """Feature vector of a recording."""

    features: list[float]
    warnings: list[str]


class HealthReply(BaseModel):
    """What is served, and how busy it is."""

    status: Literal["ok"]
    version: str
    encoder: str
    classes: list[str]
    leads: list[str]
    sampling_rate_hz: float
    window_s: float
    requests_at_work: int


class _Desk:
    """Takes requests within the limits and has them answered in batches.

    Args:
        model: prepares recordings and answers for several at once.
        limits: what a request may cost.
        busy: counts requests at work, of all desks.
    """

    def __init__(self, model: Predictor | Embedder, limits: ServiceLimits, busy: _Busy) -> None:
        self._model, self._limits, self._busy = model, limits, busy
        self._batcher: Batcher[Prepared, Any] | None = None

    def open(self) -> None:
        limits = self._limits
        self._batcher = Batcher(self._model.answer, largest=limits.max_batch, wait_s=limits.batch_wait_ms / 1000)

    def close(self) -> None:
        if self._batcher is not None:
            self._batcher.close()

    async def answer(self, request: Request, facts: FileFacts) -> tuple[Prepared, Any]:
        """Return the prepared recording and what the model says of it.

        Raises:
            ProblemError: a limit was reached, or the body is of an unknown type.
            InputError: the recording cannot be used.
        """
        with self._busy:
            read = _reader(request, facts, self._limits.longest_s)
            try:
                body = await asyncio.wait_for(_body(request, self._limits.max_request_mb), self._limits.timeout_s)
            except TimeoutError:
                raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
            try:
                return await asyncio.wait_for(self._work(read, body), self._limits.timeout_s)
            except TimeoutError:
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no answer in time", {"Retry-After": "5"}) from None

    async def _work(self, read: Callable[[bytes], SignalFile], body: bytes) -> tuple[Prepared, Any]:
        assert self._batcher is not None
        prepared = await run_in_threadpool(lambda: self._model.prepare(read(body)))
        return prepared, await asyncio.wrap_future(self._batcher.ask(prepared))


class _Busy:
    """Counts requests at work, and refuses more than there may be."""

    def __init__(self, most: int) -> None:
        self._most, self.n = most, 0

    def __enter__(self) -> None:
        if self.n >= self._most:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", {"Retry-After": "1"})
        self.n += 1

    def __exit__(self, *_: object) -> None:
        self.n -= 1


def _reader(request: Request, facts: FileFacts, longest_s: float) -> Callable[[bytes], SignalFile]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == JSON:
        return partial(recording_of_json, longest_s=longest_s)
    if kind == FILE:
        return partial(recording_of_file, longest_s=longest_s, facts=facts)
    detail = f"unknown content type (expected {JSON} or {FILE}, found {kind or 'none'})"
    raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


async def _body(request: Request, max_mb: float) -> bytes:
    """Collect a body, and refuse it as soon as it is too large."""
    parts, n_bytes = [], 0
    try:
        async for part in request.stream():
            n_bytes += len(part)
            if n_bytes > 1e6 * max_mb:
                raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {max_mb:g} MB")
            parts.append(part)
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body broke off") from None
    return b"".join(parts)


def create_app(
    checkpoint: ClassifierCheckpoint | EncoderCheckpoint,
    limits: ServiceLimits | None = None,
    *,
    coverage: float = COVERAGE,
    hosts: tuple[str, ...] | None = None,
) -> FastAPI:
    """Build the service of one checkpoint.

    ``POST /predict`` (of a classifier only) and ``POST /embed`` take one recording, as JSON or as the bytes of a file;
    ``GET /health`` says what is served. ``/openapi.json`` describes it all, ``/docs`` shows it.

    Args:
        checkpoint: a classifier or an encoder.
        limits: what a request may cost.
        coverage: share of right answers that label sets keep.
        hosts: names under which the service may be asked: a foreign web page whose name leads to its reader's machine
            would ask under its own. None for any.

    Raises:
        InputError: a damaged calibration, or a coverage or limit out of range.
    """
    limits = limits or ServiceLimits()
    busy = _Busy(limits.max_concurrent)
    predictor = Predictor(checkpoint, coverage=coverage) if isinstance(checkpoint, ClassifierCheckpoint) else None
    desks = {"embed": _Desk(Embedder(_encoder_of(checkpoint)), limits, busy)}
    if predictor is not None:
        desks["predict"] = _Desk(predictor, limits, busy)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for desk in desks.values():
            desk.open()
        yield
        for desk in desks.values():
            desk.close()

    app = FastAPI(
        title="ssrl-ecg",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        dependencies=[Depends(_host_check(hosts))] if hosts else [],
    )
    respond_with_problems(app)
    _add_health(app, checkpoint, busy)
    _add_embed(app, desks["embed"])
    if predictor is not None:
        _add_predict(app, desks["predict"])
    return app


def _host_check(hosts: tuple[str, ...]) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if request.url.hostname not in hosts:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"unknown host (expected {' or '.join(hosts)})")

    return check


def _encoder_of(checkpoint: ClassifierCheckpoint | EncoderCheckpoint) -> EncoderCheckpoint:
    if isinstance(checkpoint, EncoderCheckpoint):
        return checkpoint
    return EncoderCheckpoint(checkpoint.classifier.encoder, checkpoint.preprocessing, checkpoint.provenance)


_RateQuery = Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Rate of a file without one, in Hz")]
_UnitQuery = Annotated[Literal["mV", "uV", "V"] | None, Query(description="Unit of a file that does not tell it")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": RecordingBody.model_json_schema()},
            FILE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def _add_predict(app: FastAPI, desk: _Desk) -> None:
    @app.post("/predict", response_model=PredictionReply, responses=DESCRIBED, openapi_extra=_BODY)
    async def predict(request: Request, file_rate_hz: _RateQuery = None, unit: _UnitQuery = None) -> Any:
        """Probabilities, label sets, strangeness and warnings of a recording."""
        _, answer = await desk.answer(request, FileFacts(file_rate_hz, unit))
        return jsonable(answer.to_dict())


def _add_embed(app: FastAPI, desk: _Desk) -> None:
    @app.post("/embed", response_model=EmbeddingReply, responses=DESCRIBED, openapi_extra=_BODY)
    async def embed(request: Request, file_rate_hz: _RateQuery = None, unit: _UnitQuery = None) -> Any:
        """Feature vector of a recording, averaged over its windows."""
        prepared, features = await desk.answer(request, FileFacts(file_rate_hz, unit))
        return {"features": features.tolist(), "warnings": list(prepared.warnings)}


def _add_health(app: FastAPI, checkpoint: ClassifierCheckpoint | EncoderCheckpoint, busy: _Busy) -> None:
    preprocessing = checkpoint.preprocessing

    @app.get("/health", response_model=HealthReply)
    async def health() -> Any:
        """What is served, and how busy it is."""
        return {
            "status": "ok",
            "version": __version__,
            "encoder": type(_encoder_of(checkpoint).encoder).__name__,
            "classes": list(checkpoint.classes) if isinstance(checkpoint, ClassifierCheckpoint) else [],
            "leads": list(preprocessing.leads),
            "sampling_rate_hz": preprocessing.sampling_rate_hz,
            "window_s": preprocessing.window_s,
            "requests_at_work": busy.n,
        }
